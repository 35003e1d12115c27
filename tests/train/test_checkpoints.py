"""What stops the writing of a checkpoint takes nothing that was there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cv.errors import ModelError
from cv.labels import LABELS
from tests.small_disk import SmallDisk

pytestmark = pytest.mark.usefixtures("stack")
ROOM = 2**20


@pytest.fixture
def network() -> Any:
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


def test_the_best_checkpoint_is_not_lost_when_its_optimizer_is_dropped(
    network: Any, small_disk: SmallDisk
) -> None:
    from cv.train.network import load_trained, save_network
    from cv.train.trainer import StreetTrainer

    trainer = StreetTrainer.__new__(StreetTrainer)
    trainer.best = small_disk.folder / "best.pt"
    network.names = dict(enumerate(LABELS))
    save_network(network, trainer.best)
    small_disk.leave(ROOM)
    before = sorted(small_disk.folder.iterdir())
    with pytest.raises(ModelError, match=r"best\.part: cannot be written; .*best\.pt can be used"):
        trainer.final_eval()
    assert sorted(small_disk.folder.iterdir()) == before
    load_trained(trainer.best)


def test_who_is_killed_while_the_optimizer_is_dropped_keeps_the_best_checkpoint(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from cv.train.network import load_trained, save_network
    from cv.train.trainer import StreetTrainer

    def killed(_network: Any, file: str) -> None:
        Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    trainer = StreetTrainer.__new__(StreetTrainer)
    trainer.best = tmp_path / "best.pt"
    network.names = dict(enumerate(LABELS))
    save_network(network, trainer.best)
    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        trainer.final_eval()
    load_trained(trainer.best)


@pytest.mark.parametrize("epoch", [2, 3])
def test_a_loss_that_is_no_number_is_one_line_and_replaces_no_checkpoint(
    epoch: int, tmp_path: Path
) -> None:
    """In the first epoch of a process, and in one that was trained again in vain."""
    import torch

    from cv.train.trainer import StreetTrainer

    trainer = StreetTrainer.__new__(StreetTrainer)
    trainer.last, trainer.start_epoch, trainer.fitness = tmp_path / "last.pt", 2, 0.0
    trainer.nan_recovery_attempts = 3
    trainer.last.write_bytes(b"earlier")
    trainer.loss = torch.tensor(1.0)
    assert not trainer._handle_nan_recovery(epoch)
    trainer.loss = torch.tensor(float("nan"))
    with pytest.raises(ModelError, match=rf"^epoch {epoch + 1}: the loss is no number any more;"):
        trainer._handle_nan_recovery(epoch)
