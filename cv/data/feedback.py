"""`kerbwatch data feedback`: what reviewers said becomes training photos.

A confirmed case gives its whole frame with its box; a citizen's one, the photo that shows it best.
A case rejected as mistaken gives the surroundings of its box as a hard negative: that label is
absent there, but for confirmed cases that stood there at the same time. The other reasons (a stall
with a licence is a stall, a duplicate is seen twice) say nothing about what the model saw; so where
such a case of the label stood in the surroundings, or an unreviewed one, they teach nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from cv.cases.case import Case
from cv.cases.recoding import matter_of
from cv.cases.review import RejectReason, is_by_person
from cv.data.new_folder import new_folder
from cv.data.samples import LabelledBox, yolo_row
from cv.detect.photo import decode_photo
from cv.errors import ImageError, UserError
from cv.evidence.originals import Originals, frame_file, plain_name
from cv.geometry import UNIT, Box, Image, intersection, iou

__all__ = ["Feedback", "write_feedback"]

_MARGIN = 1.0
"""Surroundings of a rejected box on each side, in its longer sides."""
_SHOWN = 0.3
"""Share of a confirmed thing that the surroundings must show for it to be boxed there."""
_SAME = 0.5
"""IoU from which two cases are of one thing."""
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 92]


@dataclass(slots=True)
class Feedback:
    """What became of the cases.

    Attributes:
        examples: boxes of confirmed cases, in `frames` photos.
        negatives: surroundings of boxes that were rejected as mistaken.
        unclear: rejected as mistaken, but something else of the label stood in the surroundings, of
            which nobody has said whether it is one.
        other_reasons: rejected, but not for what the model saw.
        recoded: confirmed under a code of another matter, so that its box may be of another label.
        unreviewed: nobody has looked at them yet.
        gone: their clean frame or photo is past its deadline (`privacy.keep_originals`).
        unseen: by citizens only, and the model saw nothing of it: there is no box to learn from.
    """

    examples: int = 0
    frames: int = 0
    negatives: int = 0
    unclear: int = 0
    other_reasons: int = 0
    recoded: int = 0
    unreviewed: int = 0
    gone: int = 0
    unseen: int = 0


def write_feedback(
    cases: Iterable[Case],
    originals: Originals,
    to: Path,
    *,
    seen: Callable[[Collection[str]], None],
) -> Feedback:
    """Write a source folder (`datasets/README.md`) of reviewed cases.

    Args:
        originals: where clean frames and citizens' photos are kept for a while.
        to: the folder to write; its name becomes the source's.
        seen: is told the originals that will lie there, before they do.

    Raises:
        UserError: no case can be used, or `to` exists or cannot be written.
    """
    result = Feedback()
    frames: defaultdict[str, list[Case]] = defaultdict(list)
    mistaken: list[tuple[str, Case]] = []
    confirmed: list[Case] = []
    undecided: list[Case] = []
    for case in cases:
        if not _says_something(case, result):
            undecided += [case] if case.is_watched and case.detections else []
            continue
        if case.review.state == "confirmed":
            confirmed.append(case)
        frame = _frame(case, originals) if case.is_watched else _photo(case, originals)
        if frame is None:
            result.gone += 1
        elif case.review.state == "confirmed":
            frames[frame].append(case)
        else:
            mistaken.append((frame, case))
    found = len(mistaken)
    mistaken = [(file, case) for file, case in mistaken if not _is_unclear(case, undecided)]
    result.unclear = found - len(mistaken)
    if not frames and not mistaken:
        raise UserError(
            f"{to}: not written, for no reviewed case has a clean frame "
            f"({result.unreviewed} unreviewed, {result.other_reasons} rejected for other reasons, "
            f"{result.gone} past privacy.keep_originals, {result.unseen} without a box, "
            f"{result.unclear} beside others that nobody judged)"
        )
    seen({*frames, *(frame for frame, _ in mistaken)})
    with new_folder(to) as part:
        (part / "images").mkdir()
        (part / "labels").mkdir()
        rows = [
            _write_example(frame, _content(frame, some[0], originals), some, part)
            for frame, some in sorted(frames.items())
        ]
        rows += [
            _write_negative(_content(frame, case, originals), case, _beside(case, confirmed), part)
            for frame, case in mistaken
        ]
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
    if case.review.code5 and matter_of(case) != case.matter.matter:
        result.recoded += 1  # then nobody said what its box is
        return False
    if not case.detections:
        result.unseen += 1
        return False
    return True


def _frame(case: Case, originals: Originals) -> str | None:
    """A clean frame that shows the case's box: the latest, else the one that confirmed it.

    Where a sub-stream is watched, pictures are of the main stream, with their own time and size.
    """
    scenes = [item.taken for item in case.evidence if item.role == "scene" and item.taken]
    for time in (case.time.last_seen, *reversed(scenes), case.time.confirmed):
        file = originals.find(frame_file("originals", case.source.channel_id, time))
        if file and _is_same_view(_size_of(originals.read(file)), case.detections[0].image_wh):
            return file
    return None


def _is_same_view(size: tuple[int, int] | None, other: tuple[int, int]) -> bool:
    """Whether a box in a picture of one size can be found in one of the other."""
    return size is not None and isclose(size[0] * other[1], size[1] * other[0], rel_tol=0.01)


def _photo(case: Case, originals: Originals) -> str | None:
    """The citizen's photo that the case's box is of: the first of its evidence."""
    shown = next((item.id for item in case.evidence if item.role == "report"), "")
    report, _, number = shown.partition("/")
    file = originals.find_photo(report, int(number)) if number.isdigit() else None
    if file is None:
        return None
    try:
        photo = decode_photo(originals.read(file))
    except ImageError:
        return None
    return file if (photo.width, photo.height) == case.detections[0].image_wh else None


def _content(file: str, case: Case, originals: Originals) -> bytes:
    content = originals.read(file)
    return content if case.is_watched else _upright(content)


def _upright(photo: bytes) -> bytes:
    """A citizen's photo as the JPEG that its box is of: turned, and no HEIC."""
    return cv2.imencode(".jpg", decode_photo(photo).image, _QUALITY)[1].tobytes()


def _place(case: Case) -> str:
    """What is never split between training and validation: a camera's view, a citizen's report.

    It begins with a slash, so that it is the same in the folders of two runs.
    """
    return f"/camera/{case.source.channel_id}" if case.is_watched else f"/report/{case.id}"


def _size_of(frame: bytes) -> tuple[int, int] | None:
    image = _decoded(frame)
    return None if image is None else (image.shape[1], image.shape[0])


def _decoded(frame: bytes) -> Image | None:
    if not frame:
        return None
    image = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)


def _write_example(file: str, frame: bytes, cases: Sequence[Case], part: Path) -> dict[str, object]:
    name = PurePosixPath(plain_name(file)).stem
    if cases[0].is_watched:  # then its file is named after the moment alone
        name = f"{cases[0].source.channel_id}-{name}"
    (part / "images" / f"{name}.jpg").write_bytes(frame)
    labelled = [
        LabelledBox(seen.label, _box(case).resized(seen.image_wh, UNIT).in_unit())
        for case in cases
        for seen in case.detections[:1]
    ]
    text = "".join(map(yolo_row, labelled))
    (part / "labels" / f"{name}.txt").write_text(text, encoding="utf-8")
    # Other things in the frame were not reviewed, so no label is complete.
    return {"image": f"{name}.jpg", "group": _place(cases[0]), "complete": []}


def _beside(case: Case, confirmed: Iterable[Case]) -> list[Case]:
    """What stood before the same camera while the case did."""
    return [
        other
        for other in confirmed
        if case.is_watched
        and other.source.channel_id == case.source.channel_id
        and other.detections[0].image_wh == case.detections[0].image_wh
        and other.time.first_seen <= case.time.last_seen
        and case.time.first_seen <= other.time.last_seen
    ]


def _is_unclear(case: Case, undecided: Iterable[Case]) -> bool:
    """Whether something else of its label stood beside a mistake, that may be one or not."""
    box = _box(case)
    area = _surroundings(box)
    return any(
        other.detections[0].label == case.detections[0].label
        and iou(_box(other), box) < _SAME
        and intersection(_box(other), area) >= _SHOWN * _box(other).area
        for other in _beside(case, undecided)
    )


def _write_negative(
    frame: bytes, case: Case, beside: Sequence[Case], part: Path
) -> dict[str, object]:
    image = _decoded(frame)
    assert image is not None  # or `_frame` had not found it
    size = (image.shape[1], image.shape[0])

    def here(seen: Case) -> Box:
        return _box(seen).resized(case.detections[0].image_wh, size)

    box = here(case)
    around = _surroundings(box)
    left, top = max(0, int(around.x1)), max(0, int(around.y1))
    cut = image[top : int(around.y2) + 1, left : int(around.x2) + 1]
    name = f"{case.id}.jpg"
    (part / "images" / name).write_bytes(cv2.imencode(".jpg", cut, _QUALITY)[1].tobytes())
    height, width = cut.shape[:2]
    area = Box(left, top, left + width, top + height)

    def in_cut(seen: Box) -> Box:
        return seen.shifted(-left, -top).resized((width, height), UNIT).in_unit()

    labelled = [
        LabelledBox(other.detections[0].label, in_cut(seen))
        for other in beside
        if intersection(seen := here(other), area) >= _SHOWN * seen.area
    ]
    rejected = LabelledBox(case.detections[0].label, in_cut(box))
    text = "".join(map(yolo_row, labelled))
    (part / "labels" / f"{case.id}.txt").write_text(text, encoding="utf-8")
    return {
        "image": name,
        "group": _place(case),
        "complete": [],
        "absent": [rejected.label],
        "mistaken": [yolo_row(rejected).strip()],
    }


def _surroundings(box: Box) -> Box:
    """What a rejected box teaches: it, and a margin around it, beyond the picture's edges, too."""
    margin = _MARGIN * max(box.width, box.height)
    return Box(box.x1 - margin, box.y1 - margin, box.x2 + margin, box.y2 + margin)


def _box(case: Case) -> Box:
    assert case.box is not None, "what the model saw has one"
    return case.box
