from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cv.errors import ModelError
from cv.labels import LABELS

pytestmark = pytest.mark.usefixtures("stack")

SIDE = 160
PHOTOS = 12
UNKNOWN = len(LABELS)
"""The class of ignore boxes here; they cover whole photos."""


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """Plain photos, each of a brightness of its own, of which all is unknown."""
    for number in range(PHOTOS):
        for kind in ("images", "labels"):
            (tmp_path / kind).mkdir(exist_ok=True)
        picture = np.full((SIDE, SIDE, 3), 10 + 7 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"images/{number}.png"), picture)
        (tmp_path / f"labels/{number}.txt").write_text(f"{UNKNOWN} 0.5 0.5 1 1\n")
    file = tmp_path / "train.txt"
    file.write_text("".join(f"{tmp_path}/images/{n}.png\n" for n in range(PHOTOS)))
    return file


def opened(listing: Path) -> Any:
    from ultralytics.cfg import get_cfg

    from cv.train.street_dataset import StreetDataset

    plain = {"mosaic": 1.0, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0, "translate": 0.2}
    return StreetDataset(
        img_path=str(listing),
        imgsz=SIDE,
        hyp=get_cfg(overrides={**plain, "task": "detect"}),
        data={"names": dict.fromkeys(range(UNKNOWN + 1), "x"), "nc": UNKNOWN + 1, "channels": 3},
        task="detect",
    )


def test_a_photo_that_ultralytics_would_leave_out_is_named(listing: Path) -> None:
    from cv.train.street_dataset import check_whole

    check_whole(opened(listing))
    photo = listing.parent / "images/5.png"
    content = photo.read_bytes()
    # A comment with a wrong sum, which OpenCV reads over and Pillow does not.
    photo.write_bytes(content[:33] + b"\0\0\0\4tEXta\0bc\0\0\0\0" + content[33:])
    assert cv2.imread(str(photo)) is not None
    with pytest.raises(ModelError, match=r"images/5\.png: damaged"):
        check_whole(opened(listing))


def test_no_corner_of_a_photo_in_a_mosaic_loses_its_ignore_box(listing: Path) -> None:
    import torch

    dataset = opened(listing)
    small = 0
    for seed in range(60):
        random.seed(seed)
        np.random.seed(seed)  # ultralytics draws from it
        torch.manual_seed(seed)
        drawn = dataset[seed % PHOTOS]
        picture = drawn["img"].numpy()[0]
        silent = np.zeros(picture.shape, bool)
        for x, y, w, h in (drawn["bboxes"].numpy() * SIDE).tolist():
            silent[round(y - h / 2) : round(y + h / 2), round(x - w / 2) : round(x + w / 2)] = True
            small += w * h < 0.1 * SIDE**2 / 4
        photos = np.pad(picture != 114, 1).astype(np.uint8)  # what is not ultralytics' grey
        photos = cv2.erode(photos, np.ones((5, 5), np.uint8))[1:-1, 1:-1]  # but for blurred rims
        assert not (photos.astype(bool) & ~silent).any(), f"seed {seed}"
    assert small, "no seed made a corner that ultralytics would drop"
