from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from cv.train.run_plot import drop_epochs, plot_run

HEAD = "epoch,time,train/box_loss,train/cls_loss,val/AP50,val/AP,val/AP50 car,val/AP50 truck,lr/pg0"


def test_each_epoch_changes_the_picture(tmp_path: Path) -> None:
    results = tmp_path / "results.csv"
    pictures = []
    for epoch in (1, 2, 3):
        rows = [
            f"{n},9,{3 / n},{2 / n},{n / 9},{n / 12},{n / 5},{n / 7},0.1"
            for n in range(1, epoch + 1)
        ]
        results.write_text("\n".join([HEAD, *rows]) + "\n")
        pictures.append(cv2.imread(str(plot_run(results))))
    assert all(picture is not None for picture in pictures)
    assert (pictures[1] != pictures[2]).any()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["results.csv", "results.png"]


def test_before_the_first_epoch_there_is_an_empty_picture(tmp_path: Path) -> None:
    results = tmp_path / "results.csv"
    results.write_text(HEAD + "\n")
    assert plot_run(results).exists()


def test_epochs_that_come_again_are_dropped_and_so_is_half_a_row(tmp_path: Path) -> None:
    results = tmp_path / "results.csv"
    rows = [f"{n},9,3,2,.1,.1,.2,nan,0.1\n" for n in (1, 2, 3)]
    for written in (rows, [*rows[:2], rows[2][:9]], [*rows[:2], rows[2][:9] + rows[2]]):
        results.write_text(HEAD + "\n" + "".join(written))
        drop_epochs(results, 3)
        assert results.read_text() == HEAD + "\n" + "".join(rows[:2])
    plot_run(results)


@pytest.mark.parametrize("written", ["", HEAD[:9], HEAD + "\n", HEAD + "\n1,9,3"])
def test_a_run_that_begins_anew_keeps_no_row(written: str, tmp_path: Path) -> None:
    results = tmp_path / "results.csv"
    drop_epochs(results, 1)
    results.write_text(written)
    drop_epochs(results, 1)
    assert not results.exists()
