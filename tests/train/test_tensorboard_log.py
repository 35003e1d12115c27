"""What TensorBoard reads back is what was logged, through a killed and resumed run."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("stack")

ROW = {"train/box_loss": 1.5, "val/AP50": 0.4, "val/AP50 street_stall": 0.3, "lr/pg0": 1e-3}


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag → (epoch, value) as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {
        tag: [(event.step, pytest.approx(event.value)) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_a_row_of_results_is_one_point_of_each_curve(tmp_path: Path) -> None:
    from cv.train.tensorboard_log import TensorBoardLog

    log = TensorBoardLog(tmp_path, first_epoch=1)
    log.add(1, ROW | {"val/AP50 cone": float("nan")})
    log.add(2, ROW | {"train/box_loss": 1.25, "val/AP50 cone": 0.5})
    log.close()
    assert curves(tmp_path) == {
        "train/box_loss": [(1, 1.5), (2, 1.25)],
        "val/AP50": [(1, 0.4), (2, 0.4)],
        "AP50/street_stall": [(1, 0.3), (2, 0.3)],
        "AP50/cone": [(2, 0.5)],
        "lr/pg0": [(1, 1e-3), (2, 1e-3)],
    }


def test_a_resumed_run_goes_on_where_its_checkpoint_was(tmp_path: Path) -> None:
    from cv.train.tensorboard_log import TensorBoardLog

    killed = TensorBoardLog(tmp_path, first_epoch=1)
    for epoch, loss in ((1, 3.0), (2, 2.5), (3, 2.0)):
        killed.add(epoch, {"train/box_loss": loss})
    # No close: the process is gone. Its last checkpoint holds two epochs.
    resumed = TensorBoardLog(tmp_path, first_epoch=3)
    resumed.add(3, {"train/box_loss": 1.9})
    resumed.add(4, {"train/box_loss": 1.5})
    resumed.close()
    assert curves(tmp_path) == {"train/box_loss": [(1, 3.0), (2, 2.5), (3, 1.9), (4, 1.5)]}
    killed.close()
