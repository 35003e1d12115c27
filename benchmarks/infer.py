"""Milliseconds per image of the detector, letterbox and thresholds included, per backend and shape.

    python benchmarks/infer.py [--rounds 40] [--threads 2]

Backends are interleaved round by round, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from statistics import median

import numpy as np

from cv.detect.detector import Detector

SHAPES = {"640x640 (photo 1200x1600)": (1600, 1200), "384x640 (frame 1080p)": (1080, 1920)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    names = ["onnxruntime"] + ["openvino"] * (importlib.util.find_spec("openvino") is not None)
    detectors = {name: Detector(backend=name, threads=arguments.threads) for name in names}
    noise = np.random.default_rng(0)
    results: dict[str, dict[str, float]] = {name: {} for name in names}
    for shape, size in SHAPES.items():
        image = noise.integers(0, 255, (*size, 3), dtype=np.uint8)
        times: dict[str, list[float]] = {name: [] for name in names}
        for detector in detectors.values():
            detector.detect(image)
        for _ in range(arguments.rounds):
            for name, detector in detectors.items():
                began = time.perf_counter()
                detector.detect(image)
                times[name].append((time.perf_counter() - began) * 1000)
        for name in names:
            results[name][shape] = round(median(times[name]), 1)
    threads = next(iter(detectors.values())).threads
    print(json.dumps({"threads": threads, "median_ms": results}, indent=2))


if __name__ == "__main__":
    main()
