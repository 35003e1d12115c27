"""Damaged, cut off and unusable video files."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from cv.detect.keyframes import Decode
from cv.errors import SourceError
from tests.detect.clips import (
    cut,
    damage,
    make_clip,
    make_sound,
    number_of,
)
from tests.detect.recordings import look, look_and_count, numbers, open_clip


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize("place", [(0.02, 0.04), (0.5, 0.51), (0.6, 0.602), (0.3, 0.6)])
def test_damaged_frames_and_those_built_on_them_are_left_out_and_counted(
    tmp_path, caplog, place, b_frames
):
    clip = make_clip(tmp_path / "clip.mp4", b_frames=b_frames, options={"movflags": "faststart"})
    whole = {number_of(frame.image): frame for frame in look(clip)}
    with caplog.at_level(logging.WARNING):
        frames, stats = look_and_count(damage(clip, *place))
    assert stats.corrupt > 0
    assert stats.looks == len(frames) < 100
    seen = numbers(frames)
    assert seen == sorted(seen)
    assert {75, 99} <= set(seen), "the video goes on after the damage"
    for number, frame in zip(seen, frames, strict=True):
        assert frame.media_s == pytest.approx(whole[number].media_s)
        assert np.array_equal(frame.image, whole[number].image), f"frame {number} is smeared"
    assert [record.getMessage() for record in caplog.records] == [
        f"{clip}: {stats.corrupt} damaged frames were skipped"
    ]


def test_damage_in_a_transport_stream_is_left_out(tmp_path):
    clip = make_clip(tmp_path / "clip.ts")
    whole = {number_of(frame.image): frame.image for frame in look(clip)}
    frames, stats = look_and_count(damage(clip, 0.55, 0.58))
    assert stats.corrupt > 0
    assert {0, 99} <= set(numbers(frames))
    assert all(np.array_equal(frame.image, whole[number_of(frame.image)]) for frame in frames)


def test_damaged_key_frames_are_left_out(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", gop=10, options={"movflags": "faststart"})
    whole = {number_of(frame.image): frame.image for frame in look(clip, decode=Decode.KEYFRAMES)}
    frames, stats = look_and_count(damage(clip, 0.4, 0.7), decode=Decode.KEYFRAMES)
    assert stats.corrupt > 0
    assert {0, 90} <= set(numbers(frames)) < set(whole)
    assert all(np.array_equal(frame.image, whole[number_of(frame.image)]) for frame in frames)


@pytest.mark.parametrize(
    ("name", "options"),
    [("clip.mkv", {}), ("clip.ts", {}), ("clip.mp4", {"movflags": "faststart"}), ("clip.avi", {})],
)
def test_a_file_that_was_cut_off_ends_where_it_does(tmp_path, name, options):
    clip = make_clip(tmp_path / name, options=options)
    seen = numbers(look(cut(clip, 0.6)))
    assert seen == list(range(len(seen)))
    assert 40 < len(seen) < 75


def test_a_file_without_one_sound_frame_is_an_error_of_one_line(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", frames=25, options={"movflags": "faststart"})
    data = clip.read_bytes()
    begin = data.find(b"mdat") + 4
    clip.write_bytes(data[:begin] + bytes(len(data) - begin))
    with (
        open_clip(clip) as recording,
        pytest.raises(SourceError, match="not one frame could be decoded") as caught,
    ):
        list(recording)
    assert str(clip) in str(caught.value)


def make_unusable(kind: str, folder: Path) -> Path:
    path = folder / "clip.mp4"
    if kind == "text":
        path.write_text("not a video at all\n" * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "unfinished":
        cut(make_clip(path), 0.7)
    elif kind == "sound":
        make_sound(path)
    elif kind == "playlist":
        path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://127.0.0.1:9/a.ts\n")
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text", "not a video that can be read"),
        ("empty", "not a video that can be read"),
        ("unfinished", "not a video that can be read"),
        ("playlist", "not a video that can be read"),
        ("sound", "no video in it"),
        ("missing", "no such file"),
        ("folder", "directory"),
    ],
)
def test_what_is_no_video_is_named_in_one_line(tmp_path, kind, said):
    path = make_unusable(kind, tmp_path)
    with pytest.raises(SourceError, match=said) as caught:
        open_clip(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None
