"""Pictures of the main stream for cases of a watched sub-stream, from a real RTSP server."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cv.bench.rtsp import RtspServer, free_port
from cv.detect.frames import SourceUrl
from cv.detect.main_stream import MainStream, fetch_slots
from tests.detect.streams import needs_rtsp, warnings_in
from tests.listening import until

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@needs_rtsp
def test_a_picture_is_fetched_when_a_change_may_come_and_kept_for_a_minute(clip: Path) -> None:
    with RtspServer(clip, loop=True) as server:
        main = MainStream(SourceUrl(server.url), fetch_slots())
        began = datetime.now(UTC)
        main.look(began, None)
        time.sleep(0.5)
        assert main.frame(LONG_AGO) is None
        main.look(began, LONG_AGO)
        until(lambda: main.frame(LONG_AGO) is not None)
    frame = main.frame(began)
    assert frame is not None
    assert frame.image.shape == (240, 320, 3)
    assert main.frame(frame.time) is None, "nothing has been seen since"
    main.look(frame.time + timedelta(seconds=59), LONG_AGO)
    assert main.frame(LONG_AGO) is frame
    main.look(frame.time + timedelta(seconds=61), None)
    assert main.frame(LONG_AGO) is None


@needs_rtsp
def test_a_picture_of_before_the_clock_was_set_back_shows_nothing_of_now(clip: Path) -> None:
    with RtspServer(clip, loop=True) as server:
        main = MainStream(SourceUrl(server.url), fetch_slots())
        main.look(datetime.now(UTC), LONG_AGO)
        until(lambda: main.frame(LONG_AGO) is not None)
    set_back = datetime.now(UTC) - timedelta(hours=1)
    main.look(set_back, None)
    assert main.frame(set_back) is None


@needs_rtsp
def test_what_came_later_needs_another_picture(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv.detect.main_stream._NEXT_S", 0.1)
    with RtspServer(clip, loop=True) as server:
        main = MainStream(SourceUrl(server.url), fetch_slots())

        def picture_after(moment: datetime) -> bool:
            main.look(moment, moment)
            return main.frame(moment) is not None

        for _ in range(2):
            came = datetime.now(UTC)
            until(lambda came=came: picture_after(came))


@needs_rtsp
def test_a_camera_that_hangs_or_is_gone_holds_nobody_up_and_is_told_of_once(
    clip: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv.detect.main_stream._AGAIN_S", 0.1)
    server = RtspServer(clip, loop=True, port=free_port())
    main = MainStream(SourceUrl(server.url), fetch_slots())

    def ask() -> bool:
        began = time.monotonic()
        main.look(datetime.now(UTC), LONG_AGO)
        assert time.monotonic() - began < 1
        return main.frame(LONG_AGO) is not None

    for _ in range(6):
        assert not ask()
        time.sleep(0.2)
    (line,) = warnings_in(caplog)
    assert "nothing listens there" in line
    assert "sub-stream's meanwhile" in line
    with server:
        until(ask)
    assert warnings_in(caplog)[1:] == [
        f"{server.url}: pictures of cases are the main stream's again"
    ]
