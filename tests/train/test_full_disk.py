"""A disk that fills up while checkpoints are written takes nothing that was there."""

from __future__ import annotations

from typing import Any

import pytest

from cv.errors import ModelError
from tests.small_disk import SmallDisk

pytestmark = pytest.mark.usefixtures("stack")
ROOM = 2**20


@pytest.fixture
def network() -> Any:
    from cv.labels import LABELS
    from cv.train.ignoring import StreetModel

    model = StreetModel("yolo26n.yaml", nc=len(LABELS), verbose=False)
    model.args = {}
    return model


def test_a_network_that_does_not_fit_is_one_line(network: Any, small_disk: SmallDisk) -> None:
    from cv.train.network import save_network

    small_disk.leave(ROOM)
    before = sorted(small_disk.folder.iterdir())
    with pytest.raises(ModelError, match=r"mean\.pt: cannot be written: No space left on device$"):
        save_network(network, small_disk.folder / "mean.pt")
    assert sorted(small_disk.folder.iterdir()) == before


def test_the_checkpoint_before_stays(
    small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ultralytics.engine.trainer import BaseTrainer

    from cv.train.trainer import StreetTrainer

    trainer = StreetTrainer.__new__(StreetTrainer)
    trainer.last, trainer.best = (small_disk.folder / name for name in ("last.pt", "best.pt"))
    trainer.last.write_bytes(b"earlier")
    small_disk.leave(ROOM)
    before = sorted(small_disk.folder.iterdir())
    monkeypatch.setattr(BaseTrainer, "save_model", lambda t: t.last.write_bytes(bytes(2 * ROOM)))
    with pytest.raises(ModelError, match=r"last\.pt: cannot be written: No space left on device;"):
        trainer.save_model()
    assert sorted(small_disk.folder.iterdir()) == before
    assert trainer.last.read_bytes() == b"earlier"
