"""kerbwatch beside ultralytics and a plain loop: the same clip, weights and machine, by turns.

    python benchmarks/peers.py [--quick] [--json] [--backend auto]

kerbwatch runs what `kerbwatch detect CLIP --every all` and `--every 1s` run. ultralytics runs
`YOLO(...).predict(CLIP, stream=True)` on its own exports of the same weights, as it makes them by
default, which suppress in Python; before anything is timed both must find the same objects. Clip
and exports are made once and kept in the user's cache folder. Ratios are of frames (or looks) per
second, round by round; a ratio above 1 means that kerbwatch is faster.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import numpy as np

from cv.bench.archive import looks_alone
from cv.bench.clip import cached_clip, camera_clip, looped, sample_clip
from cv.bench.infer import compare
from cv.bench.showing import machine
from cv.bench.timing import by_turns, middle, ratio
from cv.bench.watching import load_detector, watch_recording
from cv.detect.backends import installed_backends
from cv.detect.detector import Detector, model_path
from cv.errors import KerbwatchError
from cv.geometry import Box, iou
from cv.train.stack import load_stack
from others import SQUARE, WIDE, Exports, Way, plain_loop, predict, same_iou

BEGAN = time.monotonic()
QUICK_S, FULL_S = 38.0, 600.0
"""No round is begun that would end later than so many seconds after the start."""
FPS = 25
SURE = 0.5
_OF_OPENVINO = "every_frame_vs_ultralytics_openvino"


@dataclass(frozen=True, slots=True)
class Clips:
    """One for every frame, and a longer one for a look per second."""

    frames: Path
    count: int
    seconds: Path
    looks: int


def check_agreement(detector: Detector, exports: Exports, clip: Path) -> dict[str, int]:
    """Whether both find the same objects, so that nobody compares different work.

    Raises:
        SystemExit: fewer than nine in ten sure boxes are found by both.
    """
    ours_all = both = theirs_all = 0
    same = same_iou()
    yolo = exports.yolo(
        "openvino" if "openvino" in installed_backends(model_path()) else "onnx", WIDE
    )
    with av.open(str(clip)) as container:
        container.streams.video[0].codec_context.skip_frame = "NONKEY"
        for _, frame in zip(range(4), container.decode(video=0), strict=False):
            image = frame.to_ndarray(format="bgr24")
            ours = [(d.label, d.box) for d in detector.detect(image, min_score=SURE)]
            (result,) = yolo.predict(image, imgsz=WIDE, conf=SURE, iou=same, verbose=False)
            boxes = result.boxes
            theirs = [
                (detector.labels[int(label)], Box(*box))
                for label, box in zip(boxes.cls.tolist(), boxes.xyxy.tolist(), strict=True)
            ]
            ours_all, theirs_all = ours_all + len(ours), theirs_all + len(theirs)
            both += sum(
                any(label == other and iou(box, place) > 0.9 for other, place in theirs)
                for label, box in ours
            )
    found = {"kerbwatch": ours_all, "ultralytics": theirs_all, "both": both}
    if both == 0 or both < 0.9 * max(ours_all, theirs_all):
        sys.exit(f"error: the two do not find the same objects: {found}")
    return found


@dataclass(frozen=True, slots=True)
class Ours:
    """kerbwatch's detectors.

    Attributes:
        auto: as `kerbwatch detect` loads it.
        fast: the same with OpenVINO, where that is installed.
        bare: of auto's backend, all cores for one picture, for what is measured alone.
    """

    auto: Detector
    fast: Detector
    bare: Detector

    @classmethod
    def load(cls, backend: str) -> Ours:
        auto = load_detector(backend=backend)
        name = "openvino" if "openvino" in installed_backends(model_path()) else "onnxruntime"
        fast = auto if auto.backend == name else load_detector(backend=name)
        return cls(auto, fast, Detector(backend=auto.backend))


def contenders(
    ours: Ours, exports: Exports, clips: Clips, *, quick: bool, data: Path
) -> dict[str, Way]:
    """What is timed, by name; those on every frame first."""
    auto, fast = ours.auto, ours.fast
    kind = "openvino" if fast.backend == "openvino" else "onnx"
    ways: dict[str, Way] = {
        f"every frame: kerbwatch {fast.backend}": _watched(clips.frames, fast, None),
        f"every frame: ultralytics {kind} 384x640": predict(
            exports.yolo(kind, WIDE), clips.frames, WIDE
        ),
        "every frame: ultralytics onnx 640x640": predict(
            exports.yolo("onnx", SQUARE), clips.frames, SQUARE
        ),
        "sampled: kerbwatch": _watched(clips.seconds, auto, 1.0),
        "sampled: ultralytics vid_stride": predict(
            exports.yolo(kind, WIDE), clips.seconds, WIDE, FPS
        ),
        "sampled: keyframes and session alone": lambda: looks_alone(clips.seconds, ours.bare),
    }
    if auto is not fast:
        ways[f"every frame: kerbwatch {auto.backend}"] = _watched(clips.frames, auto, None)
    if quick:
        return ways
    folders = (data / f"{n}" for n in range(1_000_000))
    return ways | {
        "every frame: ultralytics onnx 384x640": predict(
            exports.yolo("onnx", WIDE), clips.frames, WIDE
        ),
        f"every frame: ultralytics {kind} 640x640": predict(
            exports.yolo(kind, SQUARE), clips.frames, SQUARE
        ),
        "every frame: OpenCV and onnxruntime 384x640": plain_loop(
            exports.file("onnx", WIDE), clips.frames, WIDE
        ),
        "every frame: kerbwatch, a zone watched": _zone_watched(clips.frames, auto, None, folders),
        "sampled: kerbwatch, a zone watched": _zone_watched(clips.seconds, auto, 1.0, folders),
    }


def _watched(clip: Path, detector: Detector, every_s: float | None) -> Way:
    return lambda: watch_recording(clip, detector, every_s=every_s)


def _zone_watched(
    clip: Path, detector: Detector, every_s: float | None, folders: Iterator[Path]
) -> Way:
    return lambda: watch_recording(clip, detector, every_s=every_s, data=next(folders))


def camera_recording() -> Path:
    """1080p at 25 frames/s with a keyframe a second; made when first asked for."""
    source = sample_clip()
    made = cached_clip(source, "1080p-gop25")
    if not made.exists():
        print("making a 1080p clip, once", file=sys.stderr)
        camera_clip(source, made)
    return made


def cut_clips(source: Path, folder: Path, count: int, looks: int) -> Clips:
    """A clip of so many frames and one of so many seconds."""
    frames = looped(source, folder / f"frames{count}.mp4", (count - 0.5) / FPS)
    seconds = looped(source, folder / f"seconds{looks}.mp4", looks - 0.5 / FPS)
    return Clips(frames, count, seconds, looks)


def counted(name: str, way: Way, clips: Clips) -> Way:
    """The same, but it must have looked as often as all others."""
    due = clips.count if name.startswith("every") else clips.looks

    def run() -> int:
        looks = way()
        if looks != due:
            sys.exit(f"error: {name}: {looks} looks instead of {due}")
        return looks

    return run


def measure(arguments: argparse.Namespace, folder: Path, loaded: float) -> dict[str, Any]:
    exports = Exports()
    ours = Ours.load(arguments.backend)
    kind = "openvino" if ours.fast.backend == "openvino" else "onnx"
    source = arguments.clip or camera_recording()
    exports.file("onnx", SQUARE)
    exports.file(kind, WIDE)
    ready = time.monotonic()  # what is made once does not count

    def ways(clips: Clips) -> dict[str, Way]:
        named = contenders(ours, exports, clips, quick=arguments.quick, data=folder)
        return {name: counted(name, way, clips) for name, way in named.items()}

    by_turns(ways(cut_clips(source, folder, 2, 1)), rounds=1)  # first calls load and compile
    picture = np.zeros((1080, 1920, 3), np.uint8)
    look_s = middle(by_turns({"look": lambda: ours.bare.detect(picture)}, rounds=3)["look"])
    round_s = 8.0 if arguments.quick else 60.0
    count = int(np.clip(round_s / (9 * look_s), 5, 50 if arguments.quick else 250))
    clips = cut_clips(source, folder, count, max(5, count // 3))
    found = check_agreement(ours.bare, exports, clips.seconds)
    limit_s = (QUICK_S if arguments.quick else FULL_S) - (loaded - BEGAN)
    limit_s -= time.monotonic() - ready
    inferred = compare("infer", ours.bare, picture, rounds=100, limit_s=0.15 * limit_s)
    times = by_turns(ways(clips), rounds=5 if arguments.quick else 9, limit_s=0.85 * limit_s)
    return _document(ours, clips, times, share=inferred.values["share"]) | {
        "objects_found": found,
        "seconds": round(time.monotonic() - ready + loaded - BEGAN, 1),
    }


def _document(
    ours: Ours, clips: Clips, times: dict[str, list[float]], *, share: Any
) -> dict[str, Any]:
    auto, fast = ours.auto, ours.fast
    kind = "openvino" if fast.backend == "openvino" else "onnx"
    same = times[f"every frame: ultralytics {kind} 384x640"]
    pairs = {
        _OF_OPENVINO: (
            same,
            times[f"every frame: kerbwatch {fast.backend}"],
        ),
        "every_frame_vs_ultralytics_onnx": (
            times["every frame: ultralytics onnx 640x640"],
            times[f"every frame: kerbwatch {auto.backend}"],
        ),
        "sampled_vs_ultralytics": (
            times["sampled: ultralytics vid_stride"],
            times["sampled: kerbwatch"],
        ),
        "sampled_vs_keyframes_alone": (
            times["sampled: keyframes and session alone"],
            times["sampled: kerbwatch"],
        ),
    }
    ratios = {name: ratio(theirs, ours) for name, (theirs, ours) in pairs.items()}
    ratios["infer_vs_bare_session"] = share
    looks = {n: clips.count if n.startswith("every") else clips.looks for n in times}
    return {
        "ratios": {
            # Without OpenVINO there is nothing to compare with that.
            name: None if name == _OF_OPENVINO and kind != "openvino" else round(value.median, 3)
            for name, value in ratios.items()
        },
        "spread": {name: asdict(value) for name, value in ratios.items()},
        "per_second": {n: round(looks[n] / middle(seconds), 2) for n, seconds in times.items()},
        "rounds": len(same),
        "frames_per_round": clips.count,
        "looks_per_round": clips.looks,
        "backend": auto.backend,
        "machine": machine() | {"ultralytics": version("ultralytics"), "torch": version("torch")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="within 50 s on two cores")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--backend", default="auto", help="of kerbwatch")
    parser.add_argument("--clip", type=Path, help="H.264, 25 frames/s, a keyframe a second")
    arguments = parser.parse_args()
    try:
        load_stack()
        loaded = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="kerbwatch-peers-") as folder:
            document = measure(arguments, Path(folder), loaded)
    except KerbwatchError as error:
        parser.error(str(error))
    if arguments.json:
        print(json.dumps(document, indent=1))
        return
    for name, value in document["per_second"].items():
        print(f"{name:50} {value:8.2f}/s")
    for name, spread in document["spread"].items():
        print(f"{name:50} {spread['median']:8.2f} ({spread['low']:.2f}-{spread['high']:.2f})")


if __name__ == "__main__":
    main()
