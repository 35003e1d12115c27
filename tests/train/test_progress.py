"""The lines that a training run prints while it goes on."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from cv.train import progress
from cv.train.progress import Progress


class Run:
    """Two epochs of 100 batches of 8 photos, by a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.out = io.StringIO()
        self.progress = Progress(Console(file=self.out, width=200))
        self.epoch = -1

    def begin_epoch(self) -> None:
        self.epoch += 1
        self.progress.begin(self._trainer())

    def batches(self, count: int, seconds: float) -> None:
        for _ in range(count):
            self.now += seconds
            self.progress.step(self._trainer())

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()

    def _trainer(self) -> SimpleNamespace:
        return SimpleNamespace(
            epoch=self.epoch,
            epochs=2,
            batch_size=8,
            train_loader=range(100),
            tloss={"box_loss": 1.5},
        )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def rate(line: str) -> float:
    found = re.search(r"([\d.]+) images/s", line)
    assert found
    return float(found[1])


def test_a_line_every_quarter_of_a_minute_says_where_the_run_is(run: Run) -> None:
    run.begin_epoch()
    run.batches(61, seconds=1.0)
    assert len(run.lines) == 4
    assert run.lines[-1].startswith("epoch 1/2 60/100 box_loss 1.500 8.0 images/s, 0:02:20 left")


def test_images_per_second_are_those_of_now(run: Run) -> None:
    run.begin_epoch()
    run.batches(60, seconds=1.0)
    run.batches(5, seconds=4.0)
    assert rate(run.lines[-2]) == 8.0
    assert rate(run.lines[-1]) < 3


def test_a_validation_is_in_the_time_that_is_left_but_not_in_the_images_per_second(
    run: Run,
) -> None:
    run.begin_epoch()
    run.batches(100, seconds=1.0)
    run.now += 100.0
    run.begin_epoch()
    run.batches(20, seconds=1.0)
    assert rate(run.lines[-1]) == 8.0
    left = re.search(r"0:0(\d):(\d\d) left", run.lines[-1])
    assert left
    assert int(left[1]) * 60 + int(left[2]) > 120
