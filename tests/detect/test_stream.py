"""Streams: lost, slow, hanging and restarted cameras."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from cv.bench.rtsp import RtspServer, free_port
from cv.detect.damage import Decoded
from cv.detect.frames import (
    Frame,
    Source,
    SourceKind,
    SourceUrl,
    StreamState,
    find_sources,
    open_stream,
)
from cv.detect.keyframes import Decode
from cv.detect.reader import Reader
from cv.errors import SourceError
from tests.detect.clips import make_clip, number_of
from tests.detect.reporting_camera import reporting_camera
from tests.detect.streams import (
    SECRET,
    Pauses,
    needs_rtsp,
    reading,
    silent_server,
    take,
    url_with_secret,
    warnings_in,
)
from tests.detect.web_camera import refusing_camera
from tests.listening import until


def test_a_camera_that_is_off_is_tried_again_with_growing_pauses_and_one_line(stop, caplog):
    url = f"rtsp://127.0.0.1:{free_port()}/cam"
    pauses = Pauses(stop, 12)
    with reading(url, stop, pause=pauses, rng=Random(1)) as stream:
        assert list(stream) == []
        until(lambda: stream.state is StreamState.STOPPED)
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
        until(lambda: stream.state is StreamState.WAITING)  # half a minute at least
        viewer = threading.Thread(target=lambda: list(stream))
        viewer.start()
        stop.set()
        viewer.join(5)
        assert not viewer.is_alive()
        until(lambda: stream.state is StreamState.STOPPED)
    assert stream.stats.failures == 1


@needs_rtsp
@pytest.mark.slow
def test_a_camera_that_hangs_is_given_up_and_dialled_again(stop, clip):
    with RtspServer(clip, loop=True) as server, reading(server.url, stop) as stream:
        assert len(take(stream, 3)) == 3
        server.freeze()
        until(lambda: stream.stats.reconnects >= 1)
        viewer = threading.Thread(target=lambda: list(stream))
        viewer.start()
        stop.set()
        viewer.join(5)
        assert not viewer.is_alive()


@needs_rtsp
def test_a_camera_that_sends_reports_but_no_pictures_is_dialled_again(
    stop, clip, caplog, monkeypatch
):
    monkeypatch.setattr("cv.detect.reader._STUCK", 0.2)  # of ten seconds
    with (
        RtspServer(clip, loop=True) as server,
        reporting_camera(server.port) as camera,
        reading(camera.url, stop) as stream,
    ):
        frames = iter(stream)
        before = next(frames)
        camera.stall(later_ones=False)
        until(lambda: next(frames).time > before.time + timedelta(seconds=2))
        assert camera.connections == 2
        assert (stream.stats.failures, stream.stats.reconnects) == (1, 1)
        assert stream.state is StreamState.PLAYING
    (warning,) = warnings_in(caplog)
    assert warning == f"{camera.url}: no picture for 2 s; trying again until it answers"


@needs_rtsp
def test_of_a_camera_that_never_sends_pictures_again_no_more_than_two_connections_are_held(
    stop, clip, caplog, monkeypatch
):
    monkeypatch.setattr("cv.detect.reader._STUCK", 0.2)
    with (
        RtspServer(clip, loop=True) as server,
        reporting_camera(server.port) as camera,
        reading(camera.url, stop, every_s=0.2) as stream,
    ):
        frames = iter(stream)
        next(frames)
        camera.stall(later_ones=True)
        viewer = threading.Thread(target=lambda: list(frames))
        viewer.start()
        until(lambda: camera.connections == 2)
        viewer.join(8)
        assert viewer.is_alive()
        assert camera.connections == 2
        assert stream.stats.failures == 2
        assert stream.state is StreamState.CONNECTING
        stop.set()
        viewer.join(5)
        assert not viewer.is_alive()
    assert len(warnings_in(caplog)) == 2, "it played in between"


def test_a_read_that_ends_while_its_reader_is_about_to_be_left_is_a_loss_like_any_other(
    stop, monkeypatch
):
    ended = threading.Event()
    waiting = []

    def pause(seconds: float) -> None:
        waiting.append(seconds)
        stop.wait(0.5)
        stop.set()

    class Hanging:
        format, duration_s, decode = "rtsp", None, Decode.AUTO

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def __enter__(self) -> Hanging:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def frames(self, _: object, stopped: Callable[[], bool], *__: object) -> Iterator[Decoded]:
            stopped()
            ended.wait(10)
            raise SourceError("the connection broke")
            yield

    class Ending(Reader):
        def stuck(self) -> SourceError | None:
            problem = super().stuck()
            if problem and not ended.is_set():
                ended.set()
                until(lambda: bool(waiting))
            return problem

    monkeypatch.setattr("cv.detect.reader._STUCK", 0.05)
    monkeypatch.setattr("cv.detect.reader.Video", Hanging)
    monkeypatch.setattr("cv.detect.stream.Reader", Ending)
    with reading("rtsp://127.0.0.1:1/cam", stop, pause=pause) as stream:
        assert list(stream) == []
        until(lambda: stream.state is StreamState.STOPPED)
    assert stream.stats.failures == len(waiting) == 1


def test_a_bug_in_a_reader_shows_where_its_looks_are_made(stop, monkeypatch):
    """Else nobody would know that the camera is not watched any more."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("cv.detect.reader.Video", broken)
    with reading("rtsp://127.0.0.1:1/cam", stop) as stream, pytest.raises(ZeroDivisionError):
        list(stream)


def test_closing_one_stream_leaves_the_shared_stop_alone(stop):
    with reading(f"rtsp://127.0.0.1:{free_port()}/cam", stop) as stream:
        pass
    until(lambda: stream.state is StreamState.STOPPED)
    assert not stop.is_set()
    assert list(stream) == []


def test_a_stream_needs_an_address_and_some_time_between_looks(stop, clip):
    with pytest.raises(SourceError, match="no stream but a file"):
        open_stream(Source(SourceKind.RECORDING, clip), every_s=1.0, stop=stop)
    with pytest.raises(SourceError, match="must be more than 0"):
        reading("rtsp://127.0.0.1:1/cam", stop, every_s=0.0)


@pytest.mark.slow
@needs_rtsp
def test_where_key_frames_are_too_far_apart_all_are_decoded_from_the_next_connection_on(
    stop, tmp_path, monkeypatch, caplog
):
    """Until a second one comes, key frames alone are hoped to do; a camera may send none in a
    minute."""
    monkeypatch.setattr("cv.detect.reader._DARK_S", 2.0)
    clip = make_clip(tmp_path / "far.mp4", frames=500, gop=1000)
    with RtspServer(clip, loop=True) as server, reading(server.url, stop, every_s=0.5) as stream:
        frames = take(stream, 6)
    assert len(frames) == 6
    assert stream.stats.reconnects == 1
    assert frames[-1].time - frames[1].time < timedelta(seconds=4)
    assert len(warnings_in(caplog)) == 1


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
    assert all(frame.is_live for frame in frames)
    assert source.stats.looks == 8
    assert source.stats.decoded > 3 * source.stats.looks, "most are decoded only to be passed over"
    assert source.stats.corrupt == 0
    assert stream.duration_s is None


@needs_rtsp
def test_a_slow_viewer_gets_new_frames_not_those_that_waited(stop, clip):
    with RtspServer(clip) as server, reading(server.url, stop) as stream:
        frames = iter(stream)
        first = next(frames)
        until(lambda: stream.stats.decoded > first.index + 40)
        second = next(frames)
    assert number_of(second.image) - number_of(first.image) >= 35
    assert second.time - first.time > timedelta(seconds=1)


@needs_rtsp
def test_key_frames_alone_are_decoded_when_asked(stop, clip):
    with RtspServer(clip) as server, reading(server.url, stop, decode=Decode.KEYFRAMES) as stream:
        frames = take(stream, 4)
    assert [number_of(frame.image) % 25 for frame in frames] == [0] * 4
    assert stream.stats.decoded < 10


@pytest.mark.slow
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
        until(lambda: stream.stats.failures >= 3)
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
        until(lambda: stream.stats.reconnects >= 2 and stream.stats.decoded > 50)


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
