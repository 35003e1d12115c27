"""Who would be answered too late is told at once; who need not wait is never sent away."""

from __future__ import annotations

import asyncio
import time

import pytest

from cv.detect.detector import Detector
from serve.analysis import Analyser
from serve.limits import BusyError, Limits
from serve.metrics import Metrics
from serve.pace import Pace
from tests.serve.conftest import jpeg


def test_the_pace_follows_what_turns_take_and_leaves_room_for_slow_ones() -> None:
    pace = Pace(2)
    assert pace.answer_s(50) == 0, "nothing is known yet"
    for _ in range(60):
        pace.add(0.4)
    assert pace.turn_s == pytest.approx(0.4, abs=0.01)
    steady = pace.turn_s
    for seconds in (0.2, 0.6) * 20:
        pace.add(seconds)
    assert pace.turn_s > steady + 0.1, "the same mean, and half of them take longer"
    for _ in range(60):
        pace.add(1.0)
    assert pace.turn_s == pytest.approx(1.0, abs=0.05)


def steady(workers: int, turn_s: float) -> Pace:
    pace = Pace(workers)
    for _ in range(60):
        pace.add(turn_s)
    return pace


def test_an_answer_takes_the_turns_of_those_ahead_shared_by_the_workers() -> None:
    pace = steady(2, 0.4)
    assert pace.answer_s(0) == pace.answer_s(1) == pytest.approx(0.4, abs=0.01)
    assert pace.answer_s(5) == pytest.approx(0.4 + 1.5 * 0.4, abs=0.02)
    assert steady(4, 0.4).answer_s(5) < pace.answer_s(5) < steady(1, 0.4).answer_s(5)


def test_those_who_are_sent_away_come_back_one_after_another() -> None:
    pace = steady(2, 0.2)
    waits = [pace.come_back_s() for _ in range(50)]
    assert waits == sorted(waits)
    assert waits[0] == 2
    assert waits[-1] == pytest.approx(2 + 49 * 0.4, abs=1.5), "one in four turns of two workers"
    assert max(pace.come_back_s() for _ in range(500)) == 60, "nobody is sent away for longer"


def test_the_slower_the_turns_the_later_they_come_back() -> None:
    slow, fast = steady(2, 1.0), steady(2, 0.1)
    assert [slow.come_back_s() for _ in range(9)][-1] > [fast.come_back_s() for _ in range(9)][-1]
    assert Pace(2).come_back_s() == 2, "nothing is known yet"


class Sleepy(Detector):
    """The real one, slowed down."""

    def detect(self, *arguments: object, **options: object) -> list[object]:  # type: ignore[override]
        time.sleep(0.3)
        return super().detect(*arguments, **options)  # type: ignore[arg-type, return-value]


def test_with_slow_pictures_ahead_the_last_are_refused_before_they_wait() -> None:
    detector = Sleepy(backend="onnxruntime", threads=1)
    limits = Limits(workers=1, queue=50, within_s=1.5)
    analyser = Analyser(detector, limits, Metrics())
    picture = jpeg()

    async def ask(delay_s: float) -> float | None:
        """The seconds to a refusal, None if it was answered."""
        await asyncio.sleep(delay_s)
        began = time.monotonic()
        try:
            await analyser.analyse(picture)
        except BusyError:
            return time.monotonic() - began
        return None

    async def crowd() -> list[float | None]:
        await analyser.start()
        alone = [await ask(0) for _ in range(3)]
        assert alone == [None] * 3
        return await asyncio.gather(*(ask(0.001 * i) for i in range(12)))

    outcomes = asyncio.run(crowd())
    analyser.close()
    refused = [seconds for seconds in outcomes if seconds is not None]
    assert outcomes[0] is None, "the first need not wait"
    assert len(refused) >= 6
    assert sum(seconds < 0.3 for seconds in refused) >= 5, "most before a single turn is over"
