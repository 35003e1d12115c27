"""Photos from bytes to answer, against what decoding and the network cost alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from cv.bench.infer import street
from cv.bench.showing import Result, Row
from cv.bench.timing import by_turns, middle, ratio
from cv.detect.archive import ENOUGH, detect_in_photo
from cv.detect.detector import Detector
from cv.detect.letterbox import SQUARE, letterbox
from cv.detect.photo import decode_photo

__all__ = ["PHOTOS", "PhotoKind", "jpeg", "measure_photos"]

_TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
"""EXIF with nothing but orientation 6 (EXIF 2.32, 4.6.4)."""


@dataclass(frozen=True, slots=True)
class PhotoKind:
    """`size` is (height, width) as stored; a turned one comes of a phone held upright."""

    name: str
    size: tuple[int, int]
    megabytes: float
    turned: bool = False


PHOTOS = (
    PhotoKind("12 MP", (3000, 4000), 3.0),
    PhotoKind("12 MP, turned", (3000, 4000), 3.0, turned=True),
    PhotoKind("2 MP", (1200, 1600), 0.5),
)


def jpeg(kind: PhotoKind) -> bytes:
    """A made-up photo whose file is about as large as asked for."""
    image = street(*kind.size)
    low, high = 20, 98
    while low < high:
        middle_quality = (low + high + 1) // 2
        if len(_encoded(image, middle_quality)) <= kind.megabytes * 1e6:
            low = middle_quality
        else:
            high = middle_quality - 1
    data = _encoded(image, low)
    if kind.turned:
        marker = b"\xff\xe1" + (len(_TURNED) + 2).to_bytes(2, "big") + _TURNED
        data = data[:2] + marker + data[2:]
    return data


def measure_photos(detector: Detector, rounds: int) -> Result:
    """Each kind of photo.

    `archive` is what `kerbwatch detect` does, which decodes large photos at a part of their size;
    `whole` decodes all pixels, as where evidence is made of them. Ratios are over a plain decoding
    (cv2, all pixels) plus the bare session: 1 is nothing lost.
    """
    ready = letterbox(street(1200, 1600), SQUARE).image[None]
    infer = detector._backend.infer  # the session itself is no part of what a detector offers
    rows = [_row(kind, jpeg(kind), detector, lambda: infer(ready), rounds) for kind in PHOTOS]
    plotted = ("decode", "inference", "archive", "whole")
    return Result(f"Photos with {detector.backend}, ms", rows, plotted)


def _row(
    kind: PhotoKind, data: bytes, detector: Detector, infer: Callable[[], object], rounds: int
) -> Row:
    pixels = np.frombuffer(data, np.uint8)
    ways = {
        "decode": lambda: cv2.imdecode(pixels, cv2.IMREAD_COLOR_BGR),
        "inference": infer,
        "archive": lambda: detect_in_photo(detector, decode_photo(data, enough=ENOUGH)),
        "whole": lambda: detect_in_photo(detector, decode_photo(data)),
    }
    by_turns(ways, rounds=1)
    times = by_turns(ways, rounds=rounds)
    alone = [a + b for a, b in zip(times["decode"], times["inference"], strict=True)]
    return Row(
        kind.name,
        {
            **{name: middle(seconds) * 1000 for name, seconds in times.items()},
            "archive ratio": ratio(times["archive"], alone),
            "whole ratio": ratio(times["whole"], alone),
        },
    )


def _encoded(image: np.ndarray, quality: int) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
