"""Running the model file: onnxruntime by default, OpenVINO where installed and chosen.

A backend takes one network input and gives the network's output; it knows nothing of labels,
letterboxes or thresholds, so a third one is a class of one method and a row in `open_backend`.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from cv.cpus import cpu_features, usable_cpus
from cv.errors import ModelError

__all__ = ["Backend", "BackendName", "OnnxRuntime", "OpenVino", "choose_backend", "open_backend"]

BackendName = Literal["auto", "onnxruntime", "openvino"]

_BF16 = frozenset({"avx512_bf16", "amx_bf16"})


class Backend(Protocol):
    """One loaded model.

    `infer` takes uint8 [1, H, W, 3] BGR and gives float32 [N, 6]: x1, y1, x2, y2 in input pixels,
    score, label id. It may be called from several threads at once.
    """

    name: str
    threads: int

    def infer(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, model: bytes, threads: int) -> None:
        self.threads = threads
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def infer(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        (output,) = self._session.run(["detections"], {"images": image})
        rows: npt.NDArray[np.float32] = output[0]
        return rows


class OpenVino:
    """Computes in bfloat16 where the processor has it (1.6x onnxruntime's speed), else float32."""

    name = "openvino"

    def __init__(self, model: bytes, threads: int) -> None:
        import openvino

        self.threads = threads
        self._core = openvino.Core()
        self._model = model
        self._compiled: dict[tuple[int, ...], Any] = {}
        self._lock = threading.Lock()
        self._own = threading.local()

    def infer(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        requests: dict[tuple[int, ...], Any] = self._own.__dict__.setdefault("requests", {})
        request = requests.get(image.shape)
        if request is None:
            request = requests[image.shape] = self._compile(image.shape).create_infer_request()
        # The request reuses its output buffer, hence the copy.
        rows: npt.NDArray[np.float32] = request.infer({"images": image})["detections"][0].copy()
        return rows

    def _compile(self, shape: tuple[int, ...]) -> Any:
        """One static model per input shape: faster than one with dynamic shapes."""
        with self._lock:
            if shape not in self._compiled:
                model = self._core.read_model(self._model)
                model.reshape({"images": list(shape)})
                settings = {
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_NUM_THREADS": self.threads,
                    # Pinned, two processes with one thread each land on the same core.
                    "ENABLE_CPU_PINNING": False,
                    "INFERENCE_PRECISION_HINT": "bf16" if _BF16 & set(cpu_features()) else "f32",
                }
                self._compiled[shape] = self._core.compile_model(model, "CPU", settings)
            return self._compiled[shape]


def choose_backend(name: str) -> str:
    """Resolve "auto": OpenVINO where it is installed and gains (bfloat16), else onnxruntime.

    Raises:
        ModelError: an unknown name, or OpenVINO asked for and not installed.
    """
    installed = importlib.util.find_spec("openvino") is not None
    if name == "auto":
        return "openvino" if installed and _BF16 & set(cpu_features()) else "onnxruntime"
    if name not in get_args(BackendName):
        raise ModelError(f"backend {name!r} is unknown; choose {', '.join(get_args(BackendName))}")
    if name == "openvino" and not installed:
        raise ModelError('backend openvino is not installed; pip install "kerbwatch[openvino]"')
    return name


def open_backend(name: str, model: bytes, path: Path, threads: int | None) -> Backend:
    """Load an ONNX file's bytes.

    Raises:
        ModelError: the file is not a model that the backend can run.
    """
    count = usable_cpus() if threads is None else threads
    if count < 1:
        raise ModelError(f"threads must be 1 or more, not {count}")
    kind = OpenVino if choose_backend(name) == "openvino" else OnnxRuntime
    try:
        return kind(model, count)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{path}: not a model that {kind.name} can load ({reason})") from error
