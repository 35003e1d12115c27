"""What `peers.py` sets kerbwatch beside: ultralytics on the same weights, and a plain loop."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort

from cv.bench.clip import cache_folder
from cv.detect.detector import Detector, model_path

WIDE, SQUARE = (384, 640), (640, 640)

Way = Callable[[], int]
"""Goes through a clip once; gives the number of its looks."""


def same_iou() -> float:
    """The IoU from which kerbwatch's graph suppresses a box."""
    from cv.train.graph import SAME_IOU

    return SAME_IOU


class Exports:
    """The model that ships as ultralytics exports it; made when first asked for."""

    def __init__(self) -> None:
        digest = Detector(backend="onnxruntime").info.sha256[:12]
        self._folder = cache_folder() / f"peers-{digest}-{version('ultralytics')}"
        self._loaded: dict[tuple[str, tuple[int, int]], Any] = {}

    def yolo(self, kind: str, shape: tuple[int, int]) -> Any:
        """`YOLO` on an export, "onnx" or "openvino", with a static input of (height, width)."""
        from ultralytics import YOLO

        if (kind, shape) not in self._loaded:
            self._loaded[kind, shape] = YOLO(self.file(kind, shape), task="detect")
        return self._loaded[kind, shape]

    def file(self, kind: str, shape: tuple[int, int]) -> Path:
        stem = f"kerbwatch-n-{shape[0]}x{shape[1]}"
        file = self._folder / (f"{stem}.onnx" if kind == "onnx" else f"{stem}_openvino_model")
        if not file.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                made = _export(Path(folder) / f"{stem}.pt", kind, shape)
                made.replace(file)
        return file


def _export(checkpoint: Path, kind: str, shape: tuple[int, int]) -> Path:
    from ultralytics import YOLO

    from cv.train.network import load_shipped, save_network

    print(f"exporting to {kind} at {shape[0]}x{shape[1]}, once", file=sys.stderr)
    save_network(load_shipped(model_path()), checkpoint)
    made = YOLO(checkpoint).export(format=kind, nms=False, imgsz=shape, verbose=False)
    return Path(str(made))


def predict(yolo: Any, clip: Path, shape: tuple[int, int], stride: int = 1) -> Way:
    same = same_iou()

    def run() -> int:
        results = yolo.predict(
            clip, imgsz=shape, vid_stride=stride, iou=same, stream=True, verbose=False, save=False
        )
        return sum(1 for _ in results)

    return run


def plain_loop(model: Path, clip: Path, shape: tuple[int, int]) -> Way:
    """What one writes in an afternoon: VideoCapture, resize, onnxruntime."""
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name, same = session.get_inputs()[0].name, same_iou()

    def run() -> int:
        capture, count = cv2.VideoCapture(str(clip)), 0
        while (read := capture.read())[0]:
            height, width = read[1].shape[:2]
            scale = min(shape[0] / height, shape[1] / width)
            fitted = cv2.resize(read[1], (round(width * scale), round(height * scale)))
            canvas = np.full((*shape, 3), 114, np.uint8)
            canvas[: fitted.shape[0], : fitted.shape[1]] = fitted
            blob = canvas[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
            rows = session.run(None, {name: np.ascontiguousarray(blob)})[0][0].T
            labels = rows[:, 4:].argmax(1)
            scores = rows[np.arange(len(rows)), 4 + labels]
            seen = scores > 0.25
            boxes = rows[seen, :4]
            boxes[:, :2] -= boxes[:, 2:] / 2
            cv2.dnn.NMSBoxesBatched(boxes, scores[seen], labels[seen], 0.25, same)
            count += 1
        return count

    return run
