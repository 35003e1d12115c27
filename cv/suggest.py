"""Suggestions for one photo: what a person might file, never a filing.

A photo has no zones and no time, so labels alone speak. A stall or a heap is worth suggesting
wherever it is; a car is on every street, and no photo tells that it blocks a lane.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from cv.codes import Code, CodeTable
from cv.detect.detector import Detection
from cv.labels import PHOTO_MATTERS, Matter

__all__ = ["MAX_SUGGESTIONS", "CodeName", "Suggestion", "suggest"]

MAX_SUGGESTIONS = 3
_BLOCKED_WEIGHT = 0.5
"""A standing vehicle in a photo is weaker evidence than a stall: it ranks below at equal score."""
_UNCERTAIN_EN = "A photo does not show how long it has stood there, or whether it may."
_UNCERTAIN_ZH = "单张照片无法判断其停放（堆放）了多久，以及该处是否允许。"


class CodeName(BaseModel):
    """A code of the national table, with its names."""

    model_config = ConfigDict(frozen=True)

    code5: str
    name_zh: str
    name_en: str


class Suggestion(CodeName):
    """One matter that the photo may show.

    Attributes:
        score: 0..1, for ranking; of the best detection, lowered where a photo cannot tell.
        box: that detection's, x1, y1, x2, y2 in pixels of the upright photo.
        alternatives: codes to choose instead, e.g. where the licence decides.
        note_zh, note_en: why it is uncertain, if it is.
    """

    matter: Matter
    label: str
    score: float
    box: tuple[float, float, float, float]
    alternatives: list[CodeName]
    note_zh: str | None = None
    note_en: str | None = None


def suggest(
    detections: Sequence[Detection], *, table: CodeTable, width: int, height: int
) -> list[Suggestion]:
    """At most three suggestions, one per code, best first.

    Args:
        width, height: of the photo, in pixels: between equals the larger object comes first.
    """
    best: dict[str, tuple[tuple[float, float], Suggestion]] = {}
    for detection in detections:
        matter = PHOTO_MATTERS.get(detection.label)
        if matter is None:
            continue
        made = _suggestion(detection, matter, table.code(matter, detection.label, None))
        rank = (made.score, detection.box.area / (width * height))
        if made.code5 not in best or rank > best[made.code5][0]:
            best[made.code5] = (rank, made)
    ranked = sorted(best.values(), key=lambda pair: (-pair[0][0], -pair[0][1], pair[1].code5))
    return [suggestion for _, suggestion in ranked[:MAX_SUGGESTIONS]]


def _suggestion(detection: Detection, matter: Matter, code: Code) -> Suggestion:
    uncertain = matter is Matter.BLOCKED_LANE
    x1, y1, x2, y2 = (round(edge, 1) for edge in detection.box)
    return Suggestion(
        matter=matter,
        code5=code.code5,
        name_zh=code.name_zh,
        name_en=code.name_en,
        label=detection.label,
        score=round(detection.score * (_BLOCKED_WEIGHT if uncertain else 1.0), 3),
        box=(x1, y1, x2, y2),
        alternatives=[
            CodeName(code5=other.code5, name_zh=other.name_zh, name_en=other.name_en)
            for other in code.alternatives
        ],
        note_zh=_UNCERTAIN_ZH if uncertain else None,
        note_en=_UNCERTAIN_EN if uncertain else None,
    )
