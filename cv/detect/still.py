"""Still objects: detections that stay in place over looks.

Made for one look a second down to one in minutes, where trackers that predict motion fail: an
object is its place. It survives missed looks, passers-by in front and a small shake of the camera;
what moves on, however slowly, becomes a new object and starts from zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter, itemgetter
from statistics import median

import numpy as np

from cv.detect.detector import Detection
from cv.geometry import Box, IouPair, intersection, iou, iou_pairs

__all__ = ["StillObject", "StillObjects", "is_lookalike"]

_LOOKALIKES: dict[str, str] = {
    # The detector wavers between these from look to look; the object is the same one.
    "car": "vehicle",
    "truck": "vehicle",
    "bus": "vehicle",
    "bicycle": "two-wheeler",
    "motorcycle": "two-wheeler",
    "tricycle": "two-wheeler",
    "street_stall": "goods",
    "storefront_goods": "goods",
    "construction_waste": "heap",
    "garbage_heap": "heap",
}
_MATCH_IOU = 0.5
_TWIN_IOU = 0.7
_DRIFT_IOU = 0.5
"""Against the very first box: an object that crept further than this has moved."""
_FOLLOW = 0.1
"""Share of a new box in the object's own: smooths flicker, lags behind what creeps."""
_SHAKE = 0.006
"""Camera shake tolerated, as a share of the image's diagonal (8 px at 1280x720)."""
_HIDDEN_COVER = 0.35
_SCORES_KEPT = 15
_GRACE_LOOKS = 3
FORGET_S = 120.0
"""Longest that an object which is no incident is remembered unseen."""


@dataclass(slots=True)
class StillObject:
    """One thing at one place.

    Attributes:
        key: unique within the camera, never used again.
        box: where it stands, smoothed, in pixels.
        origin, seen: its boxes in the first and in the latest look that found it.
        looks, hits: looks since it was first seen in which its place was visible, and those of
            them in which it was there.
        missing_since: first of the present run of looks that showed its place without it.
        hidden_since: first of the present run of looks in which something stood before it.
        votes: looks per label.
        label: the one seen most often here; of equals, the earlier one.
    """

    key: int
    box: Box
    origin: Box
    seen: Box
    first_seen: datetime
    last_seen: datetime
    looks: int = 1
    hits: int = 1
    missed: int = 0
    missing_since: datetime | None = None
    hidden_since: datetime | None = None
    votes: dict[str, int] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    label: str = field(init=False)

    def __post_init__(self) -> None:
        self.label = self._voted()

    def vote(self, label: str) -> None:
        """Count a look that saw this label."""
        self.votes[label] = self.votes.get(label, 0) + 1
        if label != self.label:
            self.label = self._voted()

    def _voted(self) -> str:
        return max(self.votes, key=lambda label: self.votes[label], default="")

    @property
    def score(self) -> float:
        """Median of the latest scores: one lucky or unlucky look does not move it."""
        return median(self.scores)

    @property
    def seen_now(self) -> bool:
        return self.missed == 0 and self.hidden_since is None


class StillObjects:
    """Associates each look's detections with the objects of one camera.

    Args:
        thresholds: per label, the score from which a detection may start an object. Weaker
            detections only keep one alive (hysteresis).
    """

    def __init__(self, thresholds: dict[str, float]) -> None:
        self._thresholds = thresholds
        self._next_key = 1
        self.objects: list[StillObject] = []

    def look(
        self,
        detections: Sequence[Detection],
        time: datetime,
        size: tuple[int, int],
        keep: Callable[[StillObject], bool],
    ) -> list[StillObject]:
        """Take in one look and return the objects that were forgotten with it.

        Args:
            detections: of this look, in pixels.
            time: of this look, later than the look before.
            size: (width, height) of the image.
            keep: says of an object that it must not be forgotten (it is an open incident).
        """
        seen = _without_twins(detections)
        grow = _SHAKE * float(np.hypot(*size)) / 2
        pairs = iou_pairs([o.box for o in self.objects], [d.box for d in seen], grow)
        matched = self._match(seen, pairs)
        since = {j: self.objects[i].first_seen for i, j in matched.items()}
        newcomers: defaultdict[int, list[Detection]] = defaultdict(list)
        for i, j, _ in pairs:
            if i not in matched and since.get(j, time) > self.objects[i].first_seen:
                newcomers[i].append(seen[j])
        kept: list[StillObject] = []
        forgotten: list[StillObject] = []
        for i, thing in enumerate(self.objects):
            if i in matched:
                self._hit(thing, seen[matched[i]], time)
                gone = iou(thing.box, thing.origin) < _DRIFT_IOU
            else:
                self._miss(thing, newcomers[i], time)
                gone = self._lost(thing, time, keep)
            (forgotten if gone else kept).append(thing)
        self.objects = kept
        for j, detection in enumerate(seen):
            if j not in since:
                self._start(detection, time)
        return forgotten

    def restore(self, objects: Sequence[StillObject], next_key: int) -> None:
        """Go on with the objects of an earlier run."""
        self.objects = list(objects)
        self._next_key = next_key

    @property
    def next_key(self) -> int:
        return self._next_key

    def _match(self, seen: Sequence[Detection], pairs: Sequence[IouPair]) -> dict[int, int]:
        """Object index → detection index, best overlaps first; lookalike labels only."""
        matched: dict[int, int] = {}
        taken: set[int] = set()
        near = [pair for pair in pairs if pair[2] >= _MATCH_IOU]
        for i, j, _ in sorted(near, key=itemgetter(2), reverse=True):
            if i in matched or j in taken or not is_lookalike(self.objects[i].label, seen[j].label):
                continue
            matched[i] = j
            taken.add(j)
        return matched

    def _hit(self, thing: StillObject, detection: Detection, time: datetime) -> None:
        thing.looks += 1
        thing.hits += 1
        thing.missed = 0
        thing.last_seen = time
        thing.missing_since = thing.hidden_since = None
        thing.vote(detection.label)
        thing.scores.append(detection.score)
        del thing.scores[:-_SCORES_KEPT]
        thing.seen = detection.box
        thing.box = _followed(thing.box, detection.box)

    def _miss(self, thing: StillObject, newcomers: Sequence[Detection], time: datetime) -> None:
        """Not found: either something came before it, which tells nothing, or it is not there.

        Neighbours that stood there before it do not hide it, nor does its own kind: a car in the
        place of a car is another car.
        """
        label = thing.label
        cover = sum(
            intersection(thing.box, d.box) for d in newcomers if not is_lookalike(label, d.label)
        )
        if cover >= _HIDDEN_COVER * thing.box.area:
            thing.hidden_since = thing.hidden_since or time
            return
        thing.hidden_since = None
        thing.looks += 1
        thing.missed += 1
        thing.missing_since = thing.missing_since or time

    def _lost(
        self, thing: StillObject, time: datetime, keep: Callable[[StillObject], bool]
    ) -> bool:
        """What was seen long is remembered long; a single sighting, three looks."""
        unseen_since = thing.missing_since or thing.hidden_since
        if unseen_since is None or keep(thing):
            return False
        if thing.hidden_since is None and thing.missed < _GRACE_LOOKS:
            return False
        life_s = (thing.last_seen - thing.first_seen).total_seconds()
        return (time - unseen_since).total_seconds() >= min(FORGET_S, life_s)

    def _start(self, detection: Detection, time: datetime) -> None:
        if detection.score < self._thresholds[detection.label]:
            return
        self.objects.append(
            StillObject(
                key=self._next_key,
                box=detection.box,
                origin=detection.box,
                seen=detection.box,
                first_seen=time,
                last_seen=time,
                votes={detection.label: 1},
                scores=[detection.score],
            )
        )
        self._next_key += 1


def _followed(old: Box, new: Box) -> Box:
    """The old box, a part of the way to the new one."""
    x1, y1, x2, y2 = old
    to_x1, to_y1, to_x2, to_y2 = new
    return Box(
        x1 + _FOLLOW * (to_x1 - x1),
        y1 + _FOLLOW * (to_y1 - y1),
        x2 + _FOLLOW * (to_x2 - x2),
        y2 + _FOLLOW * (to_y2 - y2),
    )


def is_lookalike(a: str, b: str) -> bool:
    """Whether the detector may see the one or the other in the same thing."""
    return a == b or _LOOKALIKES.get(a, a) == _LOOKALIKES.get(b, b)


def _without_twins(detections: Sequence[Detection]) -> list[Detection]:
    """Drop the weaker of two boxes of lookalike labels on one object (a van as car and truck)."""
    best = sorted(detections, key=attrgetter("score"), reverse=True)
    boxes = [d.box for d in best]
    twins = [(i, j) for i, j, overlap in iou_pairs(boxes, boxes) if i < j and overlap >= _TWIN_IOU]
    dropped: set[int] = set()
    for better, weaker in twins:
        if better not in dropped and is_lookalike(best[better].label, best[weaker].label):
            dropped.add(weaker)
    return [detection for n, detection in enumerate(best) if n not in dropped]
