"""Boxes, zones and captions on pictures, for evidence and annotated copies.

Captions use OpenCV's built-in font, which has Chinese glyphs; no font file is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cv.geometry import Box, Image, Point
from cv.labels import ZoneKind

__all__ = [
    "BLUE",
    "GREEN",
    "RED",
    "draw_box",
    "draw_caption",
    "draw_title",
    "draw_zone",
    "zone_colour",
]

Colour = tuple[int, int, int]
"""BGR."""

RED: Colour = (48, 48, 230)
GREEN: Colour = (80, 190, 60)
BLUE: Colour = (220, 140, 30)
_WHITE: Colour = (255, 255, 255)
_ZONE_COLOURS: dict[ZoneKind, Colour] = {
    ZoneKind.FRONTAGE: (40, 170, 240),
    ZoneKind.NO_VENDING: (40, 170, 240),
    ZoneKind.LANE: BLUE,
    ZoneKind.FIRE_LANE: (60, 60, 250),
    ZoneKind.BIKE_LANE: (200, 180, 40),
    ZoneKind.NO_DUMPING: (60, 150, 150),
    ZoneKind.IGNORE: (150, 150, 150),
}


def zone_colour(kind: ZoneKind) -> Colour:
    return _ZONE_COLOURS[kind]


def draw_zone(image: Image, polygon: Sequence[Point], colour: Colour) -> None:
    """Outline a 0..1 polygon and tint its inside slightly, in place."""
    height, width = image.shape[:2]
    points = np.array([(x * width, y * height) for x, y in polygon]).round().astype(np.int32)
    tinted = image.copy()
    cv2.fillPoly(tinted, [points], colour)
    cv2.addWeighted(tinted, 0.12, image, 0.88, 0, dst=image)
    cv2.polylines(image, [points], True, colour, _line(image), cv2.LINE_AA)


def draw_box(image: Image, box: Box, colour: Colour, caption: str = "") -> None:
    """Outline a box in place, its caption on top of it (inside where there is no room)."""
    x1, y1, x2, y2 = (round(v) for v in box)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, _line(image), cv2.LINE_AA)
    if caption:
        size = _text_size(image)
        top = y1 - round(1.5 * size)
        draw_caption(image, caption, (x1, top if top >= 0 else y1), colour, size)


def draw_caption(
    image: Image,
    text: str,
    top_left: tuple[int, int],
    colour: Colour = (30, 30, 30),
    size: int | None = None,
) -> None:
    """One line of text on a filled bar, in place, moved left where it would not fit."""
    size = size or _text_size(image)
    font = cv2.FontFace("sans")
    (_, _, width, _) = cv2.getTextSize((0, 0), text, (0, 0), font, size)
    x = max(0, min(top_left[0], image.shape[1] - width - size // 2))
    y, high = top_left[1], round(1.5 * size)
    cv2.rectangle(image, (x, y), (x + width + size // 2, y + high), colour, cv2.FILLED)
    cv2.putText(image, text, (x + size // 4, y + round(1.1 * size)), _WHITE, font, size)


def draw_title(image: Image, lines: Sequence[str]) -> None:
    """Lines of text in the upper left corner, in place."""
    size = _text_size(image)
    for number, line in enumerate(lines):
        draw_caption(image, line, (0, round(1.5 * size) * number), size=size)


def _text_size(image: Image) -> int:
    return max(12, round(_short_side(image) / 36))


def _line(image: Image) -> int:
    return max(1, round(_short_side(image) / 300))


def _short_side(image: Image) -> int:
    return int(min(image.shape[:2]))
