"""Running the model: onnxruntime by default, OpenVINO where installed and faster, or chosen.

OpenVINO also runs the INT8 file beside the model, if there is one.

A backend takes one network input and gives the network's output; it knows nothing of labels,
letterboxes or thresholds, so another one is a class of one method and a row in `_BACKENDS`.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from cv.cpus import cpu_features, cpu_name, usable_cpus
from cv.detect.fastest import Infer, fastest
from cv.detect.model_file import ModelFile, int8_file
from cv.errors import ModelError

__all__ = [
    "Backend",
    "BackendName",
    "OnnxRuntime",
    "OpenVino",
    "installed_backends",
    "load_backend",
    "open_backend",
]

log = logging.getLogger(__name__)

BackendName = Literal["auto", "onnxruntime", "openvino", "openvino-int8"]

_BF16 = frozenset({"avx512_bf16", "amx_bf16"})
_MOST_THREADS = 64
"""On however small a machine. OpenVINO makes all that it is asked for, which takes minutes."""
_INT8 = "avx2"
"""What it costs was measured on processors with it; those with VNNI have it, too."""


_first_use = threading.Lock()
"""OpenVINO's bindings initialise something at the first inference of a process: two threads that
make it at once wait for each other for ever (one has the GIL, the other what is initialised)."""


class Backend(Protocol):
    """One loaded model.

    `infer` takes uint8 [1, H, W, 3] BGR and gives float32 [N, 6]: x1, y1, x2, y2 in input pixels,
    score, label id. It may be called from several threads at once; `streams` calls run side by
    side, with `threads // streams` processors each.
    """

    name: str
    threads: int
    streams: int

    def infer(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...


class OnnxRuntime:
    name: str

    def __init__(self, model: bytes, threads: int, streams: int = 1) -> None:
        self.threads = threads
        self.streams = streams
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads // streams
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def infer(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        (output,) = self._session.run(["detections"], {"images": image})
        rows: npt.NDArray[np.float32] = output[0]
        return rows


class OpenVino:
    """Computes in bfloat16 where the processor has it (1.6x onnxruntime's speed), else float32."""

    name: str

    def __init__(self, model: bytes, threads: int, streams: int = 1) -> None:
        import openvino

        self.threads = threads
        self.streams = streams
        self._core = openvino.Core()
        self._model = model
        self._requests: dict[tuple[int, ...], SimpleQueue[Any]] = {}

    def infer(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        free = self._requests_for(image.shape)
        request = free.get()
        try:
            # Copied into the request, an input costs as much as half of all that is not network.
            given = request.infer({"images": image}, share_inputs=True)
            rows: npt.NDArray[np.float32] = given["detections"][0]
        finally:
            free.put(request)
        return rows

    def _requests_for(self, shape: tuple[int, ...]) -> SimpleQueue[Any]:
        """As many requests as streams, for an input shape."""
        with _first_use:
            if shape not in self._requests:
                compiled = self._compile(shape)
                free: SimpleQueue[Any] = SimpleQueue()
                for _ in range(self.streams):
                    request = compiled.create_infer_request()
                    request.infer({"images": np.zeros(shape, np.uint8)})
                    free.put(request)
                self._requests[shape] = free
            return self._requests[shape]

    def _precision(self) -> str:
        return "bf16" if _BF16 & set(cpu_features()) else "f32"

    def _compile(self, shape: tuple[int, ...]) -> Any:
        """One static model per input shape: faster than one with dynamic shapes."""
        model = self._core.read_model(self._model)
        model.reshape({"images": list(shape)})
        settings = {
            "PERFORMANCE_HINT": "LATENCY" if self.streams == 1 else "THROUGHPUT",
            "NUM_STREAMS": self.streams,
            "INFERENCE_NUM_THREADS": self.threads,
            # Pinned, two processes with one thread each land on the same core.
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": self._precision(),
        }
        return self._core.compile_model(model, "CPU", settings)


class OpenVinoInt8(OpenVino):
    """OpenVINO on an INT8 file. What is not in INT8 there was left in float for its sake: in
    bfloat16 it is no faster (17.7 ms both), and on a real clip loses a car and files one twice.
    """

    def _precision(self) -> str:
        return "f32"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A way to run a model.

    Attributes:
        package: that it needs.
        int8: runs the INT8 file beside the model's.
    """

    load: type[OnnxRuntime] | type[OpenVino]
    package: str
    int8: bool = False


_BACKENDS: dict[str, _Kind] = {
    "onnxruntime": _Kind(OnnxRuntime, "onnxruntime"),
    "openvino": _Kind(OpenVino, "openvino"),
    "openvino-int8": _Kind(OpenVinoInt8, "openvino", int8=True),
}
"""The first one is the default."""


def installed_backends(model: Path) -> list[str]:
    """The names of the backends that can run a model here, the default first.

    INT8 is among them if its file is there, was made from this model, and the processor adds up
    8-bit products exactly.

    Raises:
        ModelError: a file cannot be read.
    """
    return list(_runnable(model))


def _runnable(model: Path) -> dict[str, ModelFile]:
    """The same, each with the file that it runs; files are read once."""
    exact = ModelFile.read(model)
    small = _trusted_int8(exact)
    return {
        name: file
        for name, kind in _BACKENDS.items()
        if importlib.util.find_spec(kind.package) and (file := small if kind.int8 else exact)
    }


def _trusted_int8(exact: ModelFile) -> ModelFile | None:
    if _INT8 not in cpu_features() or not int8_file(exact.path).is_file():
        return None
    try:
        return _read_int8(exact)
    except ModelError as error:
        log.warning("%s", error)
        return None


def _read_int8(exact: ModelFile) -> ModelFile:
    small = ModelFile.read(int8_file(exact.path))
    if not small.is_made_from(exact):
        anew = f"kerbwatch train quantize --model {exact.path}"
        raise ModelError(f"{small.path}: not made from {exact.path}; write it anew with `{anew}`")
    return small


def open_backend(
    name: str, model: Path, threads: int | None = None, *, side_by_side: bool = False
) -> tuple[Backend, ModelFile]:
    """Load a model; gives the backend, and the file that it runs (INT8 has one of its own).

    Args:
        name: "auto" is the fastest one here (`cv.detect.fastest`).
        threads: processors to use; None is all that this process may use.
        side_by_side: analyse as many pictures at once, each on one processor, instead of one
            picture on all of them: more pictures a second, each takes longer.

    Raises:
        ModelError: the file is not a model that the backend can run, the backend is unknown or not
            installed, or `threads` is below 1 or far above what the machine has.
    """
    count = usable_cpus() if threads is None else threads
    if count < 1:
        raise ModelError(f"threads must be 1 or more, not {count}")
    if count > (most := max(_MOST_THREADS, os.cpu_count() or 0)):
        raise ModelError(f"threads must be {most} or fewer, not {count}")
    if name not in get_args(BackendName):
        raise ModelError(f"backend {name!r} is unknown; choose {', '.join(get_args(BackendName))}")
    streams = count if side_by_side else 1
    if name == "auto":
        return _open_fastest(model, count, streams)
    kind = _BACKENDS[name]
    if importlib.util.find_spec(kind.package) is None:
        package = kind.package
        raise ModelError(f'backend {name} is not installed; pip install "kerbwatch[{package}]"')
    exact = ModelFile.read(model)
    file = _read_int8(exact) if kind.int8 else exact
    return load_backend(name, file, count, streams), file


def _open_fastest(model: Path, threads: int, streams: int) -> tuple[Backend, ModelFile]:
    files = _runnable(model)
    loaded: dict[str, Backend] = {}

    def load(name: str) -> Infer:
        loaded[name] = load_backend(name, files[name], threads, streams)
        return loaded[name].infer

    circumstances = (
        cpu_name(),
        *cpu_features(),
        str(threads),
        *(f"{name} {version(_BACKENDS[name].package)}" for name in files),
        *(file.sha256 for file in files.values()),
    )
    best = (
        fastest({name: partial(load, name) for name in files}, circumstances, streams)
        if len(files) > 1
        else next(iter(files))
    )
    if best not in loaded:
        load(best)
    return loaded[best], files[best]


def load_backend(name: str, file: ModelFile, threads: int, streams: int = 1) -> Backend:
    """Load this very file.

    Raises:
        ModelError: it is not a model that the backend can run.
    """
    try:
        backend = _BACKENDS[name].load(file.content, threads, streams)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{file.path}: not a model that {name} can load ({reason})") from error
    backend.name = name
    return backend
