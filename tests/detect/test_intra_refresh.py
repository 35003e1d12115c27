"""Cameras that renew the picture strip by strip: what says key frame there is none."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cv.detect.decoding import Video
from cv.detect.frames import find_sources
from cv.detect.keyframes import Decode, KeyframeChoice
from cv.detect.patrol import glimpse
from cv.detect.sources import SourceStats
from tests.detect.clips import joined_late, make_clip, number_of
from tests.detect.recordings import look, numbers, open_clip
from tests.detect.streams import reading, take
from tests.detect.web_camera import transport_stream_camera


def test_three_key_frames_without_a_picture_in_a_row_are_none() -> None:
    choice = KeyframeChoice(Decode.AUTO, 2.0, hopeful=True)
    for picture in (False, False, True, False, False):
        choice.gave(picture)
    assert choice.alone
    choice.gave(False)
    for stamp_s in (10.0, 11.0, 12.0):
        choice.saw(stamp_s)
    assert not choice.alone
    assert choice.decode is Decode.ALL


def test_who_asks_for_key_frames_only_gets_nothing_else() -> None:
    choice = KeyframeChoice(Decode.KEYFRAMES, 2.0)
    for _ in range(9):
        choice.gave(False)
    assert choice.alone
    assert choice.decode is Decode.KEYFRAMES


@pytest.mark.parametrize("name", ["clip.ts", "clip.mp4"])
@pytest.mark.parametrize("every_s", [1.0, 2.0])
def test_a_recording_loses_no_look(tmp_path: Path, name: str, every_s: float) -> None:
    """Also none of those that were due before it was known that key frames are none."""
    clip = make_clip(tmp_path / name, frames=150, intra_refresh=True)
    with open_clip(clip, every_s) as recording:
        frames = list(recording)
    assert numbers(frames) == list(range(0, 150, round(every_s * 25)))
    assert [f.time for f in frames] == [f.time for f in look(clip, every_s, decode=Decode.ALL)]
    assert recording.stats.corrupt == recording.stats.missed == 0


@pytest.mark.parametrize("every_s", [5.0, 10.0])
def test_times_are_right_where_looks_are_rarer_than_key_frames(
    tmp_path: Path, every_s: float
) -> None:
    """Time passed with key frames that were not due, before it was known that they are none."""
    clip = make_clip(tmp_path / "clip.mp4", frames=1000, intra_refresh=True, size=(80, 64))
    with open_clip(clip, every_s) as recording:
        frames = list(recording)
    assert [f.media_s for f in frames] == pytest.approx(list(range(0, 40, round(every_s))))
    assert numbers(frames) == [round(f.media_s * 25) for f in frames]


@pytest.mark.parametrize("seconds", [1, 2, 3, 4])
def test_one_that_ends_before_that_is_known_loses_none_either(tmp_path: Path, seconds: int) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=25 * seconds, intra_refresh=True)
    with open_clip(clip, 1.0) as recording:
        assert numbers(list(recording)) == list(range(0, 25 * seconds, 25))
    assert recording.stats.corrupt == 0


def test_a_camera_that_is_joined_in_between_shows_itself(tmp_path: Path) -> None:
    clip = joined_late(make_clip(tmp_path / "clip.ts", frames=225, intra_refresh=True), 0.2)
    stats = SourceStats()
    with Video(clip, decode=Decode.AUTO, every_s=2.0, live=True) as video:
        seen = [
            number_of(decoded.picture.to_ndarray(format="bgr24")) for decoded in video.frames(stats)
        ]
        assert video.decode is Decode.ALL
    assert seen == list(range(seen[0], 225)), "none made up for: a camera's are of now"
    assert seen[0] < 200
    assert stats.corrupt == 0


def test_what_one_connection_found_out_holds_for_the_next(
    stop: threading.Event, tmp_path: Path
) -> None:
    """Each ends before there would be a picture, if each had to find out for itself."""
    clip = joined_late(make_clip(tmp_path / "clip.ts", frames=110, intra_refresh=True), 0.2)
    with (
        transport_stream_camera(clip) as url,
        reading(url, stop, every_s=2.0, pause=lambda _: None) as stream,
    ):
        (frame,) = take(stream, 1)
    assert number_of(frame.image) < 110
    assert stream.stats.reconnects >= 1


def test_a_patrol_sees_it_too(tmp_path: Path) -> None:
    clip = joined_late(make_clip(tmp_path / "clip.ts", frames=225, intra_refresh=True), 0.2)
    with transport_stream_camera(clip) as url:
        (source,) = find_sources([url])
        frame = glimpse(source)
    assert frame is not None
    assert number_of(frame.image) < 200
