"""Ultralytics' data set: pictures corrupted last, and ignore boxes that no crop removes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ultralytics.data.augment import RandomPerspective
from ultralytics.data.dataset import YOLODataset

from cv.errors import ModelError
from cv.labels import LABELS
from cv.train.corruption import Corrupt

__all__ = ["StreetDataset", "check_whole"]


def check_whole(dataset: YOLODataset) -> None:
    """Whether ultralytics took every photo that its settings ask for.

    It leaves out what it cannot use, and says so in a log that nobody sees.

    Raises:
        ModelError: names one that it did not take.
    """
    asked = dataset.get_img_files(dataset.img_path)
    if missing := sorted({*asked} - {*dataset.im_files}):
        photo = Path(missing[0]).resolve()
        raise ModelError(f"{photo}: damaged, so ultralytics does not train on it; save it anew")


class StreetDataset(YOLODataset):  # type: ignore[misc]  # ultralytics has no types
    """Training pictures with true boxes and ignore boxes (`cv.train.ignoring`)."""

    corrupted = 0.0
    """Share of pictures."""

    def build_transforms(self, hyp: Any = None) -> Any:
        transforms = super().build_transforms(hyp)
        placing = transforms.transforms[0]  # mosaic, copies, turn and scale
        for transform in placing.transforms:
            if isinstance(transform, RandomPerspective):
                # Ultralytics makes it, with a dozen settings.
                transform.__class__ = _IgnoreBoxesStay
        transforms.insert(len(transforms.transforms) - 1, Corrupt(self.corrupted))
        return transforms


class _IgnoreBoxesStay(RandomPerspective):  # type: ignore[misc]  # ultralytics has no types
    """Ultralytics drops boxes of which a crop leaves less than a tenth.

    Of a thing that is no loss. A corner of a photo is still one in which nobody boxed the stalls,
    and without its ignore box it would be taught as free of them: that befell a third of the
    mosaics, in 3 % of the area of their photos.
    """

    def apply_instances(self, labels: dict[str, Any], params: Any = None) -> dict[str, Any]:
        self._unknown = labels["cls"].reshape(-1) >= len(LABELS)
        kept: dict[str, Any] = super().apply_instances(labels, params)
        return kept

    def box_candidates(self, box1: Any, box2: Any, **limits: Any) -> Any:  # static there
        in_picture = (box2[2] > box2[0]) & (box2[3] > box2[1])
        return super().box_candidates(box1, box2, **limits) | (
            self._unknown & np.asarray(in_picture)
        )
