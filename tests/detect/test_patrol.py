"""Patrols over real RTSP cameras, some of them dead."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cv.bench.rtsp import RtspServer, free_port
from cv.detect.frames import Frame, Source, find_sources
from cv.detect.patrol import Beat, Patrol, glimpse
from cv.detect.turns import Turns
from cv.errors import SourceError
from tests.detect.clips import number_of
from tests.detect.streams import needs_rtsp, warnings_in
from tests.listening import until


def source_of(url: str) -> Source:
    (source,) = find_sources([url])
    return source


@needs_rtsp
def test_a_visit_takes_one_key_frame(clip: Path):
    with RtspServer(clip, loop=True) as server:
        source = source_of(server.url)
        frame = glimpse(source)
    assert frame is not None
    assert number_of(frame.image) % 25 == 0
    assert frame.is_live
    assert source.stats.decoded == 1


def test_a_dead_camera_is_an_error_of_its_own():
    with pytest.raises(SourceError, match="nothing listens there"):
        glimpse(source_of(f"rtsp://127.0.0.1:{free_port()}/cam"))


@needs_rtsp
def test_every_camera_is_visited_each_round_and_a_dead_one_stops_nobody(
    clip: Path, stop: threading.Event, caplog: pytest.LogCaptureFixture
):
    seen: dict[str, list[Frame]] = {}
    with RtspServer(clip, phases=4) as server:
        urls = [f"{server.url}{n}" for n in range(4)]
        urls.insert(1, f"rtsp://127.0.0.1:{free_port()}/cam")
        beats = [
            Beat(source_of(url), 2.0, lambda f, url=url: seen.setdefault(url, []).append(f))
            for url in urls
        ]
        began = datetime.now(UTC)
        patrol = threading.Thread(target=Patrol(Turns(2), stop).run, args=(beats,))
        patrol.start()
        alive = [beats[0], *beats[2:]]
        until(lambda: min(beat.source.stats.looks for beat in alive) >= 3)
        stop.set()
        patrol.join(20)
        assert not patrol.is_alive()
    assert set(seen) == {urls[0], *urls[2:]}
    for frames in seen.values():
        assert all(
            frame.time - began >= timedelta(seconds=2 * n - 0.1) for n, frame in enumerate(frames)
        ), "none before its time, however long the one before took"
        assert [frame.index for frame in frames] == list(range(len(frames)))
    dead = beats[1].source.stats
    assert dead.looks == 0
    assert dead.failures >= 3
    assert len(warnings_in(caplog)) == 1, "a dead camera is said once, not each round"


@needs_rtsp
def test_a_bug_in_a_look_ends_the_patrol_and_shows(clip: Path, stop: threading.Event):
    def fail(_: Frame) -> None:
        raise ZeroDivisionError

    with RtspServer(clip, phases=2) as server:
        beats = [
            Beat(source_of(f"{server.url}0"), 60.0, fail),
            Beat(source_of(f"{server.url}1"), 60.0, lambda _: None),
        ]
        with pytest.raises(ZeroDivisionError):
            Patrol(Turns(2), stop).run(beats)
    assert stop.is_set()
