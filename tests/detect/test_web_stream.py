"""Video behind http(s) addresses: files, HLS, motion JPEG."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cv.detect.frames import (
    StreamState,
    find_sources,
    open_stream,
)
from cv.detect.keyframes import Decode
from cv.errors import SourceError
from tests.detect.clips import in_gbk, make_clip, make_sound, number_of
from tests.detect.recordings import look, numbers
from tests.detect.streams import (
    SECRET,
    Pauses,
    reading,
    take,
    warnings_in,
)
from tests.detect.web_camera import (
    camera_that_goes_bad,
    motion_jpeg_camera,
    serving_files,
    serving_half_of,
)
from tests.listening import until


def test_a_recording_behind_a_web_address_is_seen_by_media_time_and_ends(stop, tmp_path):
    made = {"creation_time": "2026-03-14T07:30:00Z"}
    faststart = {"movflags": "faststart"}
    make_clip(tmp_path / "clip.mp4", options=faststart, metadata=made)
    with serving_files(tmp_path) as web:
        (source,) = find_sources([f"{web}/clip.mp4?token={SECRET}"])
        with open_stream(source, every_s=1.0, decode=Decode.ALL, stop=stop) as stream:
            frames = list(stream)
    assert [number_of(frame.image) for frame in frames] == [0, 25, 50, 75]
    start = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)
    assert [frame.time for frame in frames] == [start + timedelta(seconds=n) for n in range(4)]
    assert stream.duration_s == source.duration_s == pytest.approx(4.0)
    assert (source.stats.looks, source.stats.decoded, source.stats.reconnects) == (4, 100, 0)
    assert stream.state is StreamState.STOPPED


def test_a_recording_behind_a_web_address_that_breaks_off_has_failed(stop, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", options={"movflags": "faststart"})
    with serving_half_of(clip) as web, reading(f"{web}/clip.mp4", stop, every_s=1.0) as stream:
        looks = iter(stream)
        assert number_of(next(looks).image) == 0
        with pytest.raises(SourceError, match="the connection broke"):
            list(looks)


def test_tags_that_are_no_utf8_do_not_matter(stop, tmp_path):
    """Chinese recorders and cameras write GBK."""
    title, faststart = {"title": "X" * 8}, {"movflags": "faststart"}
    clip = make_clip(tmp_path / "clip.mp4", frames=50, options=faststart, metadata=title)
    in_gbk(clip, "东门监控")
    assert numbers(look(clip, 1.0)) == [0, 25]
    with serving_files(tmp_path) as web, reading(f"{web}/clip.mp4", stop, every_s=1.0) as stream:
        assert numbers(list(stream)) == [0, 25]


def test_when_a_recording_behind_a_web_address_began_can_be_said(stop, tmp_path):
    make_clip(tmp_path / "clip.mp4", options={"movflags": "faststart"})
    start = datetime(2026, 3, 14, 7, 30, tzinfo=UTC)
    with serving_files(tmp_path) as web:
        (source,) = find_sources([f"{web}/clip.mp4"])
        with open_stream(source, every_s=1.0, start=start, stop=stop) as stream:
            assert next(iter(stream)).time == start


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


def test_a_camera_of_which_only_the_sound_goes_on_is_dialled_again(
    stop, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("cv.detect.reader._DARK_S", 1.0)
    clip = make_sound(tmp_path / "clip.ts", pictures=50, sounds=50).read_bytes()
    with (
        camera_that_goes_bad(clip, clip[-20 * 188 :]) as url,
        reading(url, stop, pause=lambda _: None) as stream,
    ):
        assert take(stream, 1)
        until(lambda: stream.stats.reconnects >= 1)
    assert warnings_in(caplog)[0].startswith(f"{url}: no sound picture for 1 s")


def test_a_camera_whose_key_frames_are_all_damaged_is_told_of_and_dialled_again(
    stop, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("cv.detect.reader._DARK_S", 1.0)
    clip = make_clip(tmp_path / "clip.ts", frames=50, gop=1).read_bytes()
    damaged = bytearray(clip)
    damaged[1::188] = bytes(byte | 0x80 for byte in clip[1::188])  # ISO 13818-1: an error in it
    with (
        camera_that_goes_bad(clip, bytes(damaged)) as url,
        reading(url, stop, every_s=0.2, pause=lambda _: None) as stream,
    ):
        assert take(stream, 1)
        until(lambda: stream.stats.reconnects >= 1, within_s=30)
    assert stream.stats.corrupt
    assert warnings_in(caplog)[0].startswith(f"{url}: no sound picture for 1 s")


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
