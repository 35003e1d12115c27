from __future__ import annotations

import contextlib
import logging
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cv.detect.backoff import Backoff
from cv.detect.damage import Decoded
from cv.detect.frames import (
    Frame,
    Source,
    SourceKind,
    SourceUrl,
    Stream,
    StreamState,
    find_sources,
    open_stream,
)
from cv.detect.latest import Arrival, LatestFrame
from cv.detect.line_state import LineLog
from cv.detect.media_time import Cadence
from cv.detect.stream import Pacer
from cv.errors import SourceError
from tests.detect.clips import make_clip, number_of
from tests.detect.web_camera import motion_jpeg_camera, refusing_camera, serving_files
from tests.rtsp import RtspServer, free_port, why_no_rtsp_server

SECRET = "Hush4711"
DEADLINE_S = 30.0
NO_RTSP = why_no_rtsp_server()
needs_rtsp = pytest.mark.skipif(NO_RTSP is not None, reason=f"no RTSP server: {NO_RTSP}")


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=200)


class Pauses:
    """Stands in for waiting between attempts: notes how long, and stops after some."""

    def __init__(self, stop: threading.Event, most: int) -> None:
        self.seconds: list[float] = []
        self._stop = stop
        self._most = most

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == self._most:
            self._stop.set()


def url_with_secret(url: str) -> SourceUrl:
    return SourceUrl(url.replace("://", f"://admin:{SECRET}@"))


def reading(url: str, stop: threading.Event, **options: Any) -> Stream:
    return open_stream(SourceUrl(url), stop=stop, **{"every_s": None, **options})


def take(stream: Stream, count: int) -> list[Frame]:
    return list(islice(stream, count))


def wait_until(happened: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(DEADLINE_S / 0.05)):
        if happened():
            return
        pause.wait(0.05)
    pytest.fail("did not happen in time")


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_camera_that_is_off_is_tried_again_with_growing_pauses_and_one_line(stop, caplog):
    url = f"rtsp://127.0.0.1:{free_port()}/cam"
    pauses = Pauses(stop, 12)
    with reading(url, stop, pause=pauses, rng=Random(1)) as stream:
        assert list(stream) == []
        wait_until(lambda: stream.state is StreamState.STOPPED)
    longest = [min(60.0, 2.0**n) for n in range(12)]
    assert all(
        most / 2 <= pause <= most for pause, most in zip(pauses.seconds, longest, strict=True)
    )
    assert len({pause / most for pause, most in zip(pauses.seconds, longest, strict=True)}) == 12
    assert warnings_in(caplog) == [
        f"{url}: nothing listens there (connection refused); trying again until it answers"
    ]
    assert (stream.stats.failures, stream.stats.reconnects) == (12, 11)
    assert stream.stats.looks == stream.stats.decoded == 0


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_stopping_ends_the_iteration_while_a_connection_is_being_made(stop, scheme):
    with silent_server() as port, reading(f"{scheme}://127.0.0.1:{port}/cam", stop) as stream:
        frames: list[Frame] = []
        viewer = threading.Thread(target=lambda: frames.extend(stream))
        viewer.start()
        stop.set()
        viewer.join(5)  # far less than the time-out of the connection
        assert not viewer.is_alive()
        assert frames == []


def test_stopping_ends_the_iteration_while_waiting_for_the_next_attempt(stop):
    with refusing_camera() as url, reading(url, stop) as stream:
        wait_until(lambda: stream.state is StreamState.WAITING)  # half a minute at least
        viewer = threading.Thread(target=lambda: list(stream))
        viewer.start()
        stop.set()
        viewer.join(5)
        assert not viewer.is_alive()
        wait_until(lambda: stream.state is StreamState.STOPPED)
    assert stream.stats.failures == 1


@needs_rtsp
@pytest.mark.slow
def test_a_camera_that_hangs_is_given_up_and_dialled_again(stop, clip):
    with RtspServer(clip, loop=True) as server, reading(server.url, stop) as stream:
        assert len(take(stream, 3)) == 3
        server.freeze()
        wait_until(lambda: stream.stats.reconnects >= 1)
        viewer = threading.Thread(target=lambda: list(stream))
        viewer.start()
        stop.set()
        viewer.join(5)
        assert not viewer.is_alive()


def test_closing_one_stream_leaves_the_shared_stop_alone(stop):
    with reading(f"rtsp://127.0.0.1:{free_port()}/cam", stop) as stream:
        pass
    wait_until(lambda: stream.state is StreamState.STOPPED)
    assert not stop.is_set()
    assert list(stream) == []


def test_a_stream_needs_an_address_and_some_time_between_looks(stop, clip):
    with pytest.raises(SourceError, match="no stream but a file"):
        open_stream(Source(SourceKind.RECORDING, clip), every_s=1.0, stop=stop)
    with pytest.raises(SourceError, match="must be more than 0"):
        reading("rtsp://127.0.0.1:1/cam", stop, every_s=0.0)


@needs_rtsp
def test_a_live_camera_gives_the_latest_frame_once_per_distance(stop, clip):
    began = datetime.now(UTC)
    with RtspServer(clip, loop=True) as server:
        (source,) = find_sources([server.url])
        with open_stream(source, every_s=0.4, stop=stop) as stream:
            frames = take(stream, 8)
            assert stream.state is StreamState.PLAYING
    seen = [number_of(frame.image) for frame in frames]
    passed_s = frames[-1].media_s - frames[0].media_s
    assert seen == sorted(set(seen))
    assert (seen[-1] - seen[0]) / 25 == pytest.approx(passed_s, abs=1.0)
    assert passed_s >= 0.4 * 6
    gaps = [(later.time - earlier.time).total_seconds() for earlier, later in pairwise(frames)]
    assert all(gap >= 0.4 * 0.4 for gap in gaps)
    assert [frame.media_s for frame in frames] == pytest.approx(
        [(frame.time - frames[0].time).total_seconds() for frame in frames], abs=0.05
    )
    assert began <= frames[0].time <= frames[-1].time <= datetime.now(UTC)
    assert source.stats.looks == 8
    assert source.stats.decoded > 50
    assert source.stats.corrupt == 0
    assert stream.duration_s is None


@needs_rtsp
def test_a_slow_viewer_gets_new_frames_not_those_that_waited(stop, clip):
    with RtspServer(clip) as server, reading(server.url, stop) as stream:
        frames = iter(stream)
        first = next(frames)
        wait_until(lambda: stream.stats.decoded > first.index + 40)
        second = next(frames)
    assert number_of(second.image) - number_of(first.image) >= 35
    assert second.time - first.time > timedelta(seconds=1)


@needs_rtsp
def test_key_frames_alone_are_decoded_when_asked(stop, clip):
    with RtspServer(clip) as server, reading(server.url, stop, keyframes=True) as stream:
        frames = take(stream, 4)
    assert [number_of(frame.image) % 25 for frame in frames] == [0] * 4
    assert stream.stats.decoded < 10


@needs_rtsp
def test_a_run_goes_on_when_the_camera_is_restarted_even_with_another_size(
    stop, clip, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    bigger = make_clip(tmp_path / "bigger.mp4", frames=200, size=(480, 352))
    camera = RtspServer(clip, loop=True)
    replacement = RtspServer(bigger, loop=True, port=camera.port)
    hurried = {"every_s": 0.2, "pause": lambda _: stop.wait(0.2)}
    with camera, reading(camera.url, stop, **hurried) as stream:
        before = take(stream, 5)
        camera.stop()
        wait_until(lambda: stream.stats.failures >= 3)
        with replacement:
            after = [frame for frame in take(stream, 8) if frame.image.shape[0] == 352]
            messages = [record.getMessage() for record in caplog.records]
    assert {frame.image.shape for frame in before} == {(240, 320, 3)}
    assert len(after) >= 6
    assert all(later.time > earlier.time for earlier, later in pairwise([*before, *after]))
    assert all(later.index > earlier.index for earlier, later in pairwise([*before, *after]))
    assert all(number_of(frame.image) < 200 for frame in after), "real frames, none made up"
    assert stream.stats.reconnects >= 2
    assert messages[0] == f"{camera.url}: playing"
    assert messages[-1].startswith(f"{camera.url}: playing again after")
    assert 3 <= len(messages) <= 4, "its beginning, one or two reasons of the loss, its end"


@needs_rtsp
def test_a_camera_that_ends_its_stream_is_dialled_again(stop, tmp_path):
    short = make_clip(tmp_path / "short.mp4", frames=25)
    with (
        RtspServer(short) as server,
        reading(server.url, stop, pause=lambda _: None) as stream,
    ):
        wait_until(lambda: stream.stats.reconnects >= 2 and stream.stats.decoded > 50)


@needs_rtsp
def test_no_password_is_ever_shown(stop, clip, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with RtspServer(clip, user="admin", password=SECRET) as server:
        url = url_with_secret(server.url)
        with open_stream(url, every_s=None, stop=stop) as stream:
            assert len(take(stream, 3)) == 3
        wrong = SourceUrl(url.reveal().replace(SECRET, SECRET + "x"))
        refused = threading.Event()
        pauses = Pauses(refused, 3)
        with open_stream(wrong, every_s=None, stop=refused, pause=pauses) as rejected:
            assert list(rejected) == []
    shown = [caplog.text, *capfd.readouterr(), repr(stream), str(vars(stream)), stream.name]
    assert not any(SECRET in text for text in shown)
    assert warnings_in(caplog)[-1] == (
        f"rtsp://***@127.0.0.1:{server.port}/cam: wrong or missing user or password (401); "
        "trying again until it answers"
    )
    assert all(30 <= pause <= 60 for pause in pauses.seconds), "or the camera locks us out"


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:{secret}@127.0.0.1:{port}/cam?token={secret}",
        "rtsps://admin:{secret}@127.0.0.1:{port}/cam",
        "http://admin:{secret}@127.0.0.1:{port}/cam.m3u8?auth_key={secret}",
        "https://admin:{secret}@127.0.0.1:{port}/cam?sig={secret}",
        "http://admin:{secret}@nowhere.invalid:{port}/cam?password={secret}",
    ],
)
def test_a_failed_connection_shows_no_secret(stop, caplog, capfd, address):
    caplog.set_level(logging.DEBUG)
    url = SourceUrl(address.format(secret=SECRET, port=free_port()))
    with open_stream(url, every_s=None, stop=stop, pause=Pauses(stop, 2)) as stream:
        assert list(stream) == []
    (warning,) = warnings_in(caplog)
    assert warning.startswith(str(url))
    assert "\n" not in warning
    assert SECRET not in caplog.text + "".join(capfd.readouterr())
    with pytest.raises(TypeError):
        pickle.dumps(stream.stats and url)


def test_a_recording_behind_a_web_address_is_seen_by_media_time_and_ends(stop, tmp_path):
    made = {"creation_time": "2026-03-14T07:30:00Z"}
    faststart = {"movflags": "faststart"}
    make_clip(tmp_path / "clip.mp4", options=faststart, metadata=made)
    with serving_files(tmp_path) as web:
        (source,) = find_sources([f"{web}/clip.mp4?token={SECRET}"])
        with open_stream(source, every_s=1.0, stop=stop) as stream:
            frames = list(stream)
    assert [number_of(frame.image) for frame in frames] == [0, 25, 50, 75]
    start = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)
    assert [frame.time for frame in frames] == [start + timedelta(seconds=n) for n in range(4)]
    assert stream.duration_s == source.duration_s == pytest.approx(4.0)
    assert (source.stats.looks, source.stats.decoded, source.stats.reconnects) == (4, 100, 0)
    assert stream.state is StreamState.STOPPED


def make_hls(folder: Path, *, ended: bool) -> None:
    options = {"hls_time": "1", "hls_list_size": "0"}
    if not ended:
        options["hls_flags"] = "omit_endlist"
    make_clip(folder / "live.m3u8", frames=150, container="hls", options=options)


def test_an_ended_hls_playlist_is_a_recording(stop, tmp_path):
    make_hls(tmp_path, ended=True)
    with serving_files(tmp_path) as web, reading(f"{web}/live.m3u8", stop, every_s=1.0) as stream:
        assert [number_of(frame.image) for frame in stream] == [0, 25, 50, 75, 100, 125]


def test_live_hls_goes_on_at_the_pace_of_life(stop, tmp_path):
    make_hls(tmp_path, ended=False)
    with serving_files(tmp_path) as web, reading(f"{web}/live.m3u8", stop, every_s=0.5) as stream:
        frames = take(stream, 4)
        assert stream.state is StreamState.PLAYING
        assert stream.duration_s is None
    seen = [number_of(frame.image) for frame in frames]
    passed = (frames[-1].time - frames[0].time).total_seconds()
    assert seen == sorted(set(seen))
    assert (seen[-1] - seen[0]) / 25 == pytest.approx(passed, abs=0.7)


def test_motion_jpeg_goes_on_after_the_camera_hangs_up(stop):
    with (
        motion_jpeg_camera(pictures=5) as url,
        reading(url, stop, pause=lambda _: None) as stream,
    ):
        frames = take(stream, 9)
    assert {number_of(frame.image) for frame in frames} <= set(range(5))
    assert stream.stats.reconnects >= 1


def test_what_is_no_video_is_said_once_and_tried_again(stop, tmp_path, caplog):
    (tmp_path / "page.html").write_text("<html>log in first</html>" * 100)
    with (
        serving_files(tmp_path) as web,
        reading(f"{web}/page.html", stop, pause=Pauses(stop, 3)) as stream,
    ):
        assert list(stream) == []
    assert warnings_in(caplog) == [
        f"{web}/page.html: not a video that can be read; trying again until it answers"
    ]


def arrival(at_s: float) -> Arrival:
    decoded = Decoded(picture=None, index=0, stamp_s=None, at_s=at_s)  # type: ignore[arg-type]
    return Arrival(decoded, datetime.now(UTC), at_s)


def test_the_slot_holds_the_latest_frame_only():
    slot = LatestFrame(Cadence(1.0))
    frames = [arrival(at_s) for at_s in (0.0, 0.1, 0.2, 0.9, 1.25, 1.5)]
    for early in frames[:3]:
        slot.offer(early)
    assert slot.fetch(lambda: False) is frames[2]
    slot.offer(frames[3])
    slot.offer(frames[4])
    slot.offer(frames[5])
    slot.close()
    assert slot.fetch(lambda: False) is frames[5]
    assert slot.fetch(lambda: False) is None


def test_the_slot_gives_nothing_once_stopped():
    slot = LatestFrame(Cadence(None))
    slot.offer(arrival(0.0))
    assert slot.fetch(lambda: True) is None


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
