from __future__ import annotations

from pathlib import Path

import cv2

from cv.train.run_plot import plot_run

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
