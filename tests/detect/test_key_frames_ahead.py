"""A recording's key frames, several decoded at once: what comes is what came one by one."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path

import av
import numpy as np
import pytest

from cv.detect.decoding import Video
from cv.detect.frames import Frame, Source, SourceKind, SourceStats
from cv.detect.keyframes import Decode
from cv.detect.recording import open_recording
from tests.detect.clips import damage, make_clip, number_of, set_display_matrix


def look(path: Path, threads: int, every_s: float) -> tuple[list[Frame], SourceStats, bool]:
    """Looks, counts, and whether key frames were begun before those in front of them came."""
    source = Source(SourceKind.RECORDING, path)
    was_ahead = False
    frames = []
    with pytest.MonkeyPatch.context() as cores:
        cores.setattr("cv.detect.recording.usable_cpus", lambda: threads)
        with open_recording(source, every_s=every_s) as recording:
            for frame in recording:
                frames.append(frame)
                was_ahead |= recording._video.is_ahead
    return frames, source.stats, was_ahead


def told(frames: list[Frame]) -> list[tuple[int, float, int]]:
    return [(number_of(frame.image), round(frame.media_s, 3), frame.index) for frame in frames]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("ahead") / "clip.mp4", frames=200, gop=10, b_frames=2)


@pytest.mark.parametrize("every_s", [0.4, 0.7, 1.2])
def test_key_frames_decoded_side_by_side_are_those_decoded_one_by_one(clip, every_s):
    alone, counts, _ = look(clip, 1, every_s)
    beside, same_counts, was_ahead = look(clip, 4, every_s)
    assert was_ahead
    assert told(beside) == told(alone)
    assert same_counts == counts
    assert all(
        np.array_equal(one.image, other.image) for one, other in zip(beside, alone, strict=True)
    )


@pytest.mark.parametrize("distances_s", [(2.0, 0.4), (0.4, 1.8), (0.6, 1.6, 0.8, 1.8)])
def test_where_key_frames_come_closer_or_apart_no_look_is_lost_on_many_cores(tmp_path, distances_s):
    stamps = [0.0]
    for distance_s in distances_s * (4 // len(distances_s)):
        stamps += [stamps[-1] + distance_s / 5 * n for n in range(1, 26)]
    path = make_clip(tmp_path / "clip.mp4", stamps=stamps, gop=5)
    for every_s in (2.0, 2.2, 3.0):
        alone, counts, _ = look(path, 1, every_s)
        beside, same_counts, was_ahead = look(path, 4, every_s)
        assert was_ahead
        assert told(beside) == told(alone)
        assert same_counts == counts


@pytest.mark.parametrize("codec", ["libx265", "mpeg4", "libvpx-vp9"])
def test_other_codecs_give_the_same_on_many_cores(tmp_path, codec):
    name = "clip.webm" if codec == "libvpx-vp9" else "clip.mp4"
    path = make_clip(tmp_path / name, frames=100, gop=10, codec=codec)
    alone, _, _ = look(path, 1, 0.8)
    beside, _, _ = look(path, 4, 0.8)
    assert len(alone) == 5
    assert told(beside) == told(alone)


def test_with_intra_refresh_no_look_is_lost_on_many_cores(tmp_path):
    """Only so many packets are kept to make up for key frames that are none."""
    path = make_clip(tmp_path / "clip.mp4", frames=1500, gop=250, intra_refresh=True, size=(80, 64))
    frames, counts, was_ahead = look(path, 4, 10.0)
    assert [frame.media_s for frame in frames] == pytest.approx([0, 10, 20, 30, 40, 50])
    assert counts.missed == counts.corrupt == 0
    assert not was_ahead


def test_what_only_the_container_says_of_pictures_holds_on_many_cores(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", frames=100, gop=10)
    set_display_matrix(path, 0, 1, -1, 0)
    frames, _, was_ahead = look(path, 4, 0.4)
    assert len(frames) == 10
    assert {frame.image.shape for frame in frames} == {(320, 240, 3)}
    assert not was_ahead


@pytest.mark.parametrize("every_s", [1.0, 2.0])
def test_joined_files_are_watched_to_the_end_on_many_cores(tmp_path, every_s):
    parts = [make_clip(tmp_path / f"{n}.ts", frames=100, first=100 * n) for n in range(5)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, _, was_ahead = look(joined, 4, every_s)
    assert was_ahead
    shown = [number_of(frame.image) for frame in frames]
    assert shown == list(range(0, 500, round(25 * every_s)))
    assert [frame.media_s for frame in frames] == pytest.approx([n / 25 for n in shown], abs=0.1)


@pytest.fixture(scope="module")
def with_another_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameters come once in FLV, beside the first key frame that they are for."""
    folder = tmp_path_factory.mktemp("joined")
    parts = [
        make_clip(folder / "1.flv", frames=200, gop=10),
        make_clip(folder / "2.flv", frames=200, gop=10, first=200, size=(480, 352)),
    ]
    joined = folder / "joined.flv"
    joined.write_bytes(parts[0].read_bytes() + parts[1].read_bytes()[13:])  # one header for both
    return joined


@pytest.mark.parametrize("threads", [1, 4])
def test_a_size_that_changes_with_a_key_frame_nobody_looks_at_holds_for_those_after_it(
    with_another_size, threads
):
    frames, counts, _ = look(with_another_size, threads, 3.0)
    shown = [number_of(frame.image) for frame in frames]
    assert shown == [0, 80, 150, 230, 300, 380]
    assert [frame.image.shape[0] for frame in frames] == [240] * 3 + [352] * 3
    assert counts.corrupt == 0


def test_it_does_of_a_camera_too(with_another_size):
    turns = count()
    with Video(with_another_size, decode=Decode.AUTO, every_s=3.0, live=True) as video:
        heights = [
            decoded.picture.to_ndarray(format="bgr24").shape[0]
            for decoded in video.frames(
                SourceStats(), due=lambda _: 0.0 if next(turns) % 8 == 0 else None
            )
        ]
    assert heights == [240] * 3 + [352] * 2


def test_of_damaged_key_frames_no_sound_one_is_lost_on_many_cores(clip, tmp_path):
    broken = tmp_path / "clip.mp4"
    broken.write_bytes(clip.read_bytes())
    damage(broken, 0.5, 0.6)
    alone, counts, _ = look(broken, 1, 0.4)
    beside, same_counts, _ = look(broken, 4, 0.4)
    assert counts.corrupt > 0
    assert told(beside) == told(alone)
    assert same_counts == counts


def test_only_the_first_damaged_key_frame_costs_a_look_on_many_cores(tmp_path):
    """The next key frame stands in for one, unless those after it have been begun already."""
    path = make_clip(tmp_path / "clip.mp4", frames=600, gop=10)
    broken = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        keys = [p for p in container.demux(video=0) if p.is_keyframe and p.size and p.pos]
        for key in (keys[12], keys[36]):
            broken[key.pos + 40 : key.pos + key.size] = bytes(key.size - 40)
    path.write_bytes(broken)
    alone, counts, _ = look(path, 1, 1.2)
    beside, same_counts, _ = look(path, 4, 1.2)
    assert counts.corrupt == same_counts.corrupt > 0
    assert next(number_of(frame.image) for frame in alone if frame.media_s > 14) == 370
    assert len(beside) == len(alone) - 1
    assert told(beside)[-5:] == [(*rest, index - 1) for *rest, index in told(alone)[-5:]]


def test_who_stops_looking_leaves_no_thread_behind(clip):
    before = set(threading.enumerate())
    with open_recording(Source(SourceKind.RECORDING, clip), every_s=0.4) as recording:
        next(iter(recording))
    assert set(threading.enumerate()) == before
