"""Recordings: every frame at its time, sampled as asked."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cv.detect.decoding import Video
from cv.detect.frames import (
    Recording,
    Source,
    SourceKind,
    StartSource,
    find_sources,
    open_recording,
)
from cv.detect.keyframes import Decode
from cv.detect.recording import CHINA_TIME
from cv.errors import SourceError
from tests.detect.clips import (
    make_clip,
    number_of,
    set_display_matrix,
)
from tests.detect.recordings import START, look, look_and_count, media_times, numbers, open_clip


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.flv", "clip.avi"])
def test_every_frame_comes_in_display_order_at_its_time(tmp_path, name, b_frames):
    frames = look(make_clip(tmp_path / name, frames=60, b_frames=b_frames))
    assert numbers(frames) == list(range(60))
    assert [frame.index for frame in frames] == list(range(60))
    # AVI knows no time of display: B-frames shift it by as many frames
    rough = 0.002 if b_frames == 0 or name != "clip.avi" else 0.13
    assert media_times(frames) == pytest.approx([n / 25 for n in range(60)], abs=rough)


def test_looks_are_the_right_frames_at_the_right_time(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", b_frames=2)
    frames = look(clip, every_s=1.0, decode=Decode.ALL)
    assert numbers(frames) == [0, 25, 50, 75]
    assert [frame.time for frame in frames] == [START + timedelta(seconds=n) for n in range(4)]
    assert [frame.index for frame in frames] == [0, 25, 50, 75]


def test_a_variable_frame_rate_is_sampled_by_time_not_by_number(tmp_path):
    stamps = [0.0, 0.04, 0.08, 1.5, 1.54, 1.96, 2.02, 7.0, 7.5, 8.1]
    clip = make_clip(tmp_path / "clip.mkv", stamps=stamps)
    assert media_times(look(clip)) == pytest.approx(stamps, abs=0.002)
    assert numbers(look(clip, every_s=1.0)) == [0, 3, 6, 7, 9]


def test_a_first_time_stamp_that_is_not_zero_is_the_start(tmp_path):
    clip = make_clip(tmp_path / "clip.mkv", stamps=[5000 + n / 10 for n in range(20)])
    frames = look(clip, every_s=0.5)
    assert numbers(frames) == [0, 5, 10, 15]
    assert media_times(frames) == pytest.approx([0, 0.5, 1, 1.5])


def test_joined_files_go_on_in_time(tmp_path):
    first = make_clip(tmp_path / "a.ts", frames=50)
    second = make_clip(tmp_path / "b.ts", frames=50, first=50)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    frames = look(joined)
    times = media_times(frames)
    seen = numbers(frames)
    # the break in its packet numbers makes the joint look like a loss: two frames
    assert seen == sorted(seen)
    assert set(range(100)) - set(seen) <= {48, 49}
    assert all(0 < later - earlier < 0.15 for earlier, later in pairwise(times))
    assert times[-1] == pytest.approx(99 / 25, abs=0.1)


@pytest.mark.parametrize("every_s", [1.0, 2.0])
def test_of_joined_files_no_part_is_lost_where_key_frames_suffice(tmp_path, every_s):
    """Stamps begin anew at each joint, far before the next look is due by them."""
    parts = [make_clip(tmp_path / f"{n}.ts", frames=100, first=100 * n) for n in range(3)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = look(joined, every_s=every_s)
    assert numbers(frames) == list(range(0, 300, round(25 * every_s)))
    assert media_times(frames) == pytest.approx([n / 25 for n in numbers(frames)], abs=0.1)


def test_a_size_that_changes_on_the_way_is_followed(tmp_path):
    first = make_clip(tmp_path / "a.h264", frames=25)
    second = make_clip(tmp_path / "b.h264", frames=25, first=25, size=(480, 352))
    joined = tmp_path / "joined.h264"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    frames = look(joined)
    assert numbers(frames) == list(range(50))
    assert {frame.image.shape for frame in frames[:25]} == {(240, 320, 3)}
    assert {frame.image.shape for frame in frames[25:]} == {(352, 480, 3)}


def test_key_frames_alone_are_decoded_when_asked(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", gop=20, b_frames=2)
    frames, stats = look_and_count(clip, decode=Decode.KEYFRAMES)
    assert numbers(frames) == [0, 20, 40, 60, 80]
    assert media_times(frames) == pytest.approx([0, 0.8, 1.6, 2.4, 3.2])
    assert (stats.decoded, stats.looks) == (5, 5)
    assert numbers(look(clip, every_s=1.5, decode=Decode.KEYFRAMES)) == [0, 40, 80]


def test_motion_jpeg_is_all_key_frames(tmp_path):
    clip = make_clip(tmp_path / "clip.avi", frames=10, codec="mjpeg")
    assert numbers(look(clip, decode=Decode.KEYFRAMES)) == list(range(10))


def test_colours_come_as_blue_green_red(tmp_path):
    red = np.zeros((240, 320, 3), np.uint8)
    red[:, :, 2] = 255
    (frame,) = look(make_clip(tmp_path / "clip.mp4", images=[red]))
    blue, green, redness = frame.image.reshape(-1, 3).mean(axis=0)
    assert redness > 240
    assert max(blue, green) < 15
    assert frame.image.flags.c_contiguous
    assert frame.image.dtype == np.uint8


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    ],
    ids=["quarter right", "half", "quarter left", "mirror", "upside down", "transpose"],
)
def test_a_phone_s_video_stands_upright(tmp_path, matrix, turn):
    corners = np.zeros((240, 320, 3), np.uint8)
    corners[:120, :160] = (255, 0, 0)
    corners[:120, 160:] = (0, 255, 0)
    corners[120:, :160] = (0, 0, 255)
    clip = make_clip(tmp_path / "clip.mp4", images=[corners] * 3)
    frame = look(set_display_matrix(clip, *matrix))[-1]
    expected = turn(corners)
    assert frame.image.shape == expected.shape
    assert np.abs(frame.image.astype(int) - expected).mean() < 6


def test_looks_must_be_some_time_apart(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", frames=2)
    for every_s in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SourceError, match="must be more than 0"):
            open_clip(clip, every_s)


@pytest.mark.parametrize("name", ["12:30:05.mp4", "100%d of 3?.mkv", "摄像头 一.mp4", "-dash.mp4"])
def test_any_file_name_can_be_opened(tmp_path, monkeypatch, name):
    make_clip(tmp_path / "clip.mp4", frames=5).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert numbers(look(Path(name))) == list(range(5))


def test_a_source_knows_its_length_and_counts_after_opening(tmp_path):
    (source,) = find_sources([str(make_clip(tmp_path / "clip.mp4"))])
    with open_recording(source, every_s=1.0, decode=Decode.ALL) as recording:
        assert recording.duration_s == source.duration_s == pytest.approx(4.0)
        assert sum(1 for _ in recording) == 4
    assert recording.stats is source.stats
    assert (source.stats.decoded, source.stats.looks, source.stats.corrupt) == (100, 4, 0)


def test_a_damaged_header_that_states_a_hundred_thousand_years_states_no_length(tmp_path):
    path = make_clip(tmp_path / "clip.mkv", frames=60)
    length = b"\x44\x89\x88"  # Matroska's Duration, a float of 8 bytes, in milliseconds
    before, after = path.read_bytes().split(length)
    path.write_bytes(before + length + struct.pack(">d", 3e15) + after[8:])
    with open_clip(path, 1.0, start=None) as recording:
        assert recording.duration_s is None
        assert media_times(list(recording)) == pytest.approx([0, 1, 2], abs=0.05)


def test_a_file_that_is_gone_once_it_is_open_is_an_error_of_its_own(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", frames=5)
    with Video(path, decode=Decode.AUTO, every_s=1.0) as video:
        path.unlink()
        source = Source(SourceKind.RECORDING, path)
        with pytest.raises(SourceError, match=r"clip\.mp4: No such file"):
            Recording(video, source, every_s=1.0, start=None, tz=CHINA_TIME)


def test_the_start_comes_from_the_file_s_own_metadata(tmp_path):
    clip = make_clip(
        tmp_path / "20200101_000000.mp4",
        frames=5,
        metadata={"creation_time": "2026-03-14T07:30:00Z"},
    )
    (source,) = find_sources([str(clip)])
    with open_recording(source, every_s=None) as recording:
        assert (recording.start, recording.start_source) == (START, StartSource.METADATA)
        assert next(iter(recording)).time == START


def test_the_start_comes_from_the_name_or_the_time_of_writing(tmp_path):
    named = make_clip(tmp_path / "cam1_20260314_153000.mkv", frames=5)
    plain = make_clip(tmp_path / "clip.mkv", frames=50)
    os.utime(plain, (START.timestamp(), START.timestamp()))
    starts = []
    for source in find_sources([str(named), str(plain)]):
        with open_recording(source, every_s=None) as recording:
            starts.append((recording.start, recording.start_source))
    assert starts[0] == (START, StartSource.NAME)
    assert starts[1][1] is StartSource.MODIFIED
    assert START - starts[1][0] == pytest.approx(timedelta(seconds=2), abs=timedelta(seconds=0.1))


PLAY_MANY = """
import resource, sys
from pathlib import Path
from tests.detect.recordings import look

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

for n in range(40):
    if n == 10:
        before = peak_mb()
    look(Path(sys.argv[1]), every_s=0.2)
print(peak_mb() - before)
"""


@pytest.mark.slow
def test_memory_stays_flat_over_many_recordings(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", frames=50, size=(640, 480))
    # In a process of its own: what other tests left in this one decides nothing.
    command = [sys.executable, "-c", PLAY_MANY, str(clip)]
    grown_mb = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown_mb < 100  # one leaked set of frames per recording would be 300


def test_leaving_early_closes_the_file(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4")
    with open_clip(clip) as recording:
        assert number_of(next(iter(recording)).image) == 0
    held = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    assert str(clip) not in held


@pytest.mark.media
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("shopping_street_towncentre_yas-sim.mp4", (1080, 1920, 3)),
        ("china_street_parking_ltb2k.mp4", (996, 576, 3)),
        ("highway_cctv_low_res_yashbansal24.avi", (240, 320, 3)),
    ],
)
def test_real_clips_are_sampled_once_a_second(media, name, shape):
    (source,) = find_sources([str(media / "video" / name)])
    with open_recording(source, every_s=1.0) as recording:
        times = [frame.media_s for frame in recording if frame.image.shape == shape]
        assert recording.duration_s is not None
        assert len(times) == int(recording.duration_s - 0.01) + 1
    assert times == pytest.approx(range(len(times)), abs=0.05)
    assert recording.stats.corrupt == 0
