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
