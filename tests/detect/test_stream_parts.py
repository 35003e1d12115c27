"""What a stream is made of: slot, pauses, line state, pace."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from random import Random

import pytest

from cv.detect.backoff import Backoff
from cv.detect.damage import Decoded
from cv.detect.latest import Arrival, LatestFrame
from cv.detect.line_state import LineLog
from cv.detect.media_time import Cadence
from cv.detect.naps import Naps
from cv.detect.pacer import Pacer
from cv.errors import SourceError


def arrival(at_s: float) -> Arrival:
    decoded = Decoded(picture=None, index=0, stamp_s=None, at_s=at_s)  # type: ignore[arg-type]
    return Arrival(decoded, datetime.now(UTC), at_s)


def test_the_slot_holds_the_latest_frame_only():
    slot = LatestFrame(Cadence(1.0))
    frames = [arrival(at_s) for at_s in (0.0, 0.1, 0.2, 0.9, 1.25, 1.5)]
    for early in frames[:3]:
        slot.offer(early)
    assert slot.wait(lambda: False) == 0.0, "waiting since the first of them"
    assert slot.take() is frames[2]
    slot.offer(frames[3])
    slot.offer(frames[4])
    slot.offer(frames[5])
    slot.close()
    assert slot.wait(lambda: False) == 1.25
    assert slot.take() is frames[5]
    assert slot.wait(lambda: False) is None


def test_a_look_that_is_left_out_is_not_missed_but_one_that_a_frame_waits_for_is_made():
    slot = LatestFrame(Cadence(1.0))
    slot.offer(arrival(0.0))
    assert not slot.leave_out(0.4)
    first = slot.take()
    assert first.at_s == 0.0
    assert slot.is_due(1.0)
    assert slot.leave_out(1.0)
    assert not slot.is_due(1.5)
    slot.offer(arrival(2.0))
    assert slot.take().at_s == 2.0
    assert slot.missed == 0


def test_the_slot_gives_nothing_once_stopped():
    slot = LatestFrame(Cadence(None))
    slot.offer(arrival(0.0))
    assert slot.wait(lambda: True) is None


def test_pauses_start_over_once_the_stream_is_well():
    backoff = Backoff(Random(3))
    assert [backoff.next_s() for _ in range(8)][-1] >= 30
    backoff.reset()
    assert backoff.next_s() <= 1


def test_a_state_that_cannot_follow_is_a_bug_that_shows():
    line = LineLog("cam", lambda: 0.0)
    line.playing()
    with pytest.raises(AssertionError, match="playing cannot become playing"):
        line.playing()
    line.lost(SourceError("cam: gone"))
    line.connecting()
    line.stopped()
    with pytest.raises(AssertionError, match="stopped cannot become playing"):
        line.playing()


def test_a_long_outage_is_told_once_per_reason(caplog):
    caplog.set_level(logging.INFO)
    now = 0.0
    line = LineLog("cam", lambda: now)
    for problem in ("cam: refused", "cam: no answer", "cam: refused", "cam: no answer"):
        line.lost(SourceError(problem))
        line.connecting()
    now = 90.0
    line.playing()
    line.lost(SourceError("cam: refused"))
    assert [record.getMessage() for record in caplog.records] == [
        "cam: refused; trying again until it answers",
        "cam: no answer; trying again until it answers",
        "cam: playing again after 90 s",
        "cam: refused; trying again until it answers",
    ]


def test_frames_that_come_in_a_heap_are_spread_over_their_time():
    now, waited = 100.0, []
    pacer = Pacer(lambda: now, waited.append)
    for stamp_s in (0.0, 0.5, 2.0):
        pacer.keep_pace(stamp_s)
    now = 105.0
    pacer.keep_pace(4.0)
    pacer.keep_pace(900.0)
    pacer.keep_pace(901.0)
    assert waited == pytest.approx([0.5, 2.0, 1.0])


class Camera:
    """Sends 25 frames a second, by its own clock; the first of every `distance` is a key frame."""

    def __init__(self, distance: int) -> None:
        self.now_s = 0.0
        self.rests: list[tuple[float, float]] = []
        self._distance = distance
        self._naps = Naps(lambda: self.now_s, self._wait)

    def _wait(self, seconds: float) -> None:
        self.rests.append((self.now_s, seconds))
        self.now_s += seconds

    def read(self, frames: int, distance_s: float | None) -> None:
        for number in range(frames):
            self.now_s = max(self.now_s, number / 25)
            if number % self._distance:
                self._naps.rest(distance_s)
            else:
                self._naps.saw_key_frame()
                assert self.now_s == pytest.approx(number / 25), "a key frame waited to be read"


def test_a_reader_of_key_frames_rests_between_them_and_is_awake_when_one_comes():
    camera = Camera(distance=50)
    camera.read(500, 2.0)
    longest = [seconds for _, seconds in camera.rests]
    assert longest[0] == pytest.approx(0.05), "the kernel keeps little at first"
    assert max(longest) == pytest.approx(0.2)
    assert 0.6 * 20 < sum(longest) < 0.9 * 20


def test_a_reader_that_is_behind_does_not_rest():
    camera = Camera(distance=50)
    camera.now_s = 3600.0  # all frames have long been sent
    naps = Naps(lambda: camera.now_s, camera._wait)
    naps.saw_key_frame()
    for _ in range(100):
        naps.rest(2.0)
    assert camera.rests == []


def test_a_reader_does_not_rest_as_long_as_nobody_knows_when_the_next_key_frame_comes():
    camera = Camera(distance=1000)
    camera.read(100, None)
    assert camera.rests == []
