"""`kerbwatch data feedback`: what reviewers said becomes training photos.

A confirmed case gives its whole frame with its box. A case rejected as mistaken gives the
surroundings of its box as a hard negative: that label is absent there. The other reasons (a stall
with a licence is a stall, a duplicate is seen twice) say nothing about what the model saw.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from cv.cases.case import Case
from cv.cases.review import RejectReason, is_by_person
from cv.data.new_folder import new_folder
from cv.data.samples import LabelledBox, read_image, yolo_row
from cv.detect.evidence import original_file
from cv.errors import ModelError, UserError
from cv.geometry import Box, Image

__all__ = ["Feedback", "write_feedback"]

_MARGIN = 1.0
"""Surroundings of a rejected box on each side, in its longer sides."""
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 92]


@dataclass(slots=True)
class Feedback:
    """What became of the cases.

    Attributes:
        examples: boxes of confirmed cases, in `frames` photos.
        negatives: surroundings of boxes that were rejected as mistaken.
        other_reasons: rejected, but not for what the model saw.
        unreviewed: nobody has looked at them yet.
        gone: their clean frame is past its deadline (`privacy.keep_originals`).
    """

    examples: int = 0
    frames: int = 0
    negatives: int = 0
    other_reasons: int = 0
    unreviewed: int = 0
    gone: int = 0


def write_feedback(cases: Iterable[Case], data: Path, to: Path) -> Feedback:
    """Write a source folder (`datasets/README.md`) of reviewed cases.

    Args:
        data: the site's data folder, where clean frames are kept for a while.
        to: the folder to write; its name becomes the source's.

    Raises:
        UserError: no case can be used, or `to` exists or cannot be written.
    """
    result = Feedback()
    frames: defaultdict[Path, list[Case]] = defaultdict(list)
    mistaken: list[tuple[Path, Case]] = []
    for case in cases:
        if not _says_something(case, result):
            continue
        frame = _frame(case, data)
        if frame is None:
            result.gone += 1
        elif case.review.state == "confirmed":
            frames[frame].append(case)
        else:
            mistaken.append((frame, case))
    if not frames and not mistaken:
        raise UserError(
            f"{to}: not written, for no reviewed case has a clean frame "
            f"({result.unreviewed} unreviewed, {result.other_reasons} rejected for other reasons, "
            f"{result.gone} past privacy.keep_originals)"
        )
    with new_folder(to) as part:
        (part / "images").mkdir()
        (part / "labels").mkdir()
        rows = [_write_example(frame, some, part) for frame, some in sorted(frames.items())]
        rows += [_write_negative(frame, case, part) for frame, case in mistaken]
        # Written last: without it the folder is no source.
        listing = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (part / "images.jsonl").write_text(listing, encoding="utf-8")
    result.frames, result.negatives = len(frames), len(mistaken)
    result.examples = sum(map(len, frames.values()))
    return result


def _says_something(case: Case, result: Feedback) -> bool:
    if not is_by_person(case.review):
        result.unreviewed += 1
        return False
    if case.review.state == "rejected" and case.review.reason != RejectReason.MISTAKEN:
        result.other_reasons += 1
        return False
    return True


def _frame(case: Case, data: Path) -> Path | None:
    """The clean frame that the case's box is of: the latest, else the one that confirmed it."""
    for time in (case.time.last_seen, case.time.confirmed):
        file = data / original_file(case.source.channel_id, time)
        if file.is_file() and _size_of(file) == case.detections[0].image_wh:
            return file
    return None


def _size_of(file: Path) -> tuple[int, int] | None:
    try:
        image = read_image(file)
    except ModelError:
        return None
    return image.shape[1], image.shape[0]


def _write_example(frame: Path, cases: Sequence[Case], part: Path) -> dict[str, object]:
    name = f"{cases[0].source.channel_id}-{frame.stem}"
    image = read_image(frame)
    (part / "images" / f"{name}.jpg").write_bytes(frame.read_bytes())
    labelled = [LabelledBox(case.detections[0].label, _relative(case.box, image)) for case in cases]
    text = "".join(map(yolo_row, labelled))
    (part / "labels" / f"{name}.txt").write_text(text, encoding="utf-8")
    # Other things in the frame were not reviewed, so no label is complete.
    return {"image": f"{name}.jpg", "group": cases[0].source.channel_id, "complete": []}


def _write_negative(frame: Path, case: Case, part: Path) -> dict[str, object]:
    box, image = case.box, read_image(frame)
    margin = _MARGIN * max(box.width, box.height)
    left, top = (max(0, int(edge - margin)) for edge in (box.x1, box.y1))
    cut = image[top : int(box.y2 + margin) + 1, left : int(box.x2 + margin) + 1]
    name = f"{case.id}.jpg"
    (part / "images" / name).write_bytes(cv2.imencode(".jpg", cut, _QUALITY)[1].tobytes())
    (part / "labels" / f"{case.id}.txt").touch()
    return {
        "image": name,
        "group": case.source.channel_id,
        "complete": [],
        "absent": [case.detections[0].label],
    }


def _relative(box: Box, image: Image) -> Box:
    height, width = image.shape[:2]
    return Box(
        max(0.0, box.x1 / width),
        max(0.0, box.y1 / height),
        min(1.0, box.x2 / width),
        min(1.0, box.y2 / height),
    )
