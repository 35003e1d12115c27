"""Key frames alone are decoded where they suffice, and only there."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from cv.detect.decoding import Video
from cv.detect.key_decoder import KeyDecoder
from cv.detect.keyframes import Decode, KeyframeChoice
from cv.detect.sources import SourceStats
from tests.detect.clips import make_clip, number_of, numbered
from tests.detect.recordings import look, numbers, open_clip


def alone_after(choice: KeyframeChoice, *stamps_s: float | None) -> list[bool]:
    states = []
    for stamp_s in stamps_s:
        choice.saw(stamp_s)
        states.append(choice.alone)
    return states


def test_the_distance_is_measured_before_it_is_trusted():
    choice = KeyframeChoice(Decode.AUTO, 2.0)
    assert not choice.alone
    assert alone_after(choice, 0.0, 2.0, 4.0) == [False, True, True]
    assert choice.distance_s == 2.0


def test_a_camera_begins_with_key_frames_until_they_prove_too_rare():
    choice = KeyframeChoice(Decode.AUTO, 2.0, hopeful=True)
    assert choice.alone
    assert alone_after(choice, 0.0, 4.0, 8.0) == [True, False, False]


def test_one_long_distance_is_remembered_for_a_while():
    choice = KeyframeChoice(Decode.AUTO, 1.0)
    states = alone_after(choice, 0.0, 1.0, 2.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0)
    assert states == [False, True, True, False, False, False, False, True, True]


def test_without_time_stamps_nothing_is_known():
    assert alone_after(KeyframeChoice(Decode.AUTO, 5.0), None, None, None) == [False] * 3


@pytest.mark.parametrize(("decode", "alone"), [(Decode.ALL, False), (Decode.KEYFRAMES, True)])
def test_what_was_asked_for_is_done(decode: Decode, alone: bool):
    choice = KeyframeChoice(decode, 1.0)
    assert choice.alone is alone
    assert alone_after(choice, 0.0, 9.0, 9.5) == [alone] * 3


def test_every_frame_needs_every_frame():
    assert alone_after(KeyframeChoice(Decode.AUTO, None), 0.0, 1.0, 2.0) == [False] * 3


@pytest.mark.parametrize("b_frames", [0, 2])
def test_auto_gives_the_same_looks_as_all_for_a_fraction_of_the_work(tmp_path: Path, b_frames: int):
    clip = make_clip(tmp_path / "clip.mp4", frames=150, gop=25, b_frames=b_frames)
    every, alone = (look(clip, 1.0, decode=d) for d in (Decode.ALL, Decode.AUTO))
    assert numbers(alone) == numbers(every) == [0, 25, 50, 75, 100, 125]
    assert [f.time for f in alone] == [f.time for f in every]
    with open_clip(clip, 1.0) as recording:
        assert len(list(recording)) == recording.stats.decoded == 6


def test_key_frames_between_looks_are_not_even_decoded(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", frames=150, gop=5)
    with open_clip(clip, 1.0) as recording:
        assert numbers(list(recording)) == [0, 25, 50, 75, 100, 125]
        assert recording.stats.decoded == 6


def test_key_frames_a_little_closer_than_looks_do_for_each(tmp_path: Path):
    """48 frames are 1.92 s: waiting for the next one would leave out every other look."""
    clip = make_clip(tmp_path / "clip.mp4", frames=250, gop=48)
    assert numbers(look(clip, 2.0)) == [0, 48, 96, 144, 192, 240]


def test_too_rare_key_frames_mean_that_all_is_decoded(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", frames=100, gop=50)
    with open_clip(clip, 1.0) as recording:
        assert numbers(list(recording)) == [0, 25, 50, 75]
        assert recording.stats.decoded == 100


def test_frames_that_no_other_is_built_on_are_left_out_between_looks(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", frames=100, gop=100, b_frames=2)
    with open_clip(clip, 1.0) as recording:
        seen = numbers(list(recording))
        assert recording.stats.decoded < 80, "one of each pair of B-frames"
    assert len(seen) == 4
    assert all(0 <= number - 25 * n <= 3 for n, number in enumerate(seen))
    with open_clip(clip, 0.2) as recording:
        assert numbers(list(recording)) == list(range(0, 100, 5))
        assert recording.stats.decoded == 100


def test_a_file_without_an_index_loses_no_look_while_it_is_measured(tmp_path: Path):
    """The first second is decoded whole, then key frames do."""
    clip = make_clip(tmp_path / "clip.ts", frames=125, gop=25)
    with open_clip(clip, 1.0) as recording:
        assert numbers(list(recording)) == [0, 25, 50, 75, 100]
        assert 25 < recording.stats.decoded < 60


def test_a_stream_that_stretches_its_key_frames_is_decoded_whole_from_then_on(tmp_path: Path):
    """As cameras do whose key frames come when something happens."""
    clip = tmp_path / "clip.ts"
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        rigid = "keyint=100:min-keyint=1:scenecut=0:bframes=0"
        stream.options = {"x264-params": rigid, "crf": "18", "preset": "veryfast"}
        keys = {0, 25, 50, 75, 175}  # one a second, then nothing for four
        for n in range(250):
            frame = av.VideoFrame.from_ndarray(numbered(n), format="bgr24")
            frame.pts = n
            frame.pict_type = av.video.frame.PictureType.I if n in keys else 0
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    seen = [number_of(frame.image) for frame in look(clip, 1.0)]
    assert seen[:4] == [0, 25, 50, 75]
    assert seen[4] == 175, "there was nothing to decode from in between"
    assert seen[5:] == [200, 225]


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("libx264", "clip.mp4"), ("libx264", "clip.ts"), ("libx265", "clip.mp4"),
        ("libx265", "clip.ts"), ("mpeg4", "clip.mp4"), ("mjpeg", "clip.mkv"),
        ("libvpx-vp9", "clip.webm"), ("libvpx", "clip.webm"), ("libsvtav1", "clip.mp4"),
    ],
)  # fmt: skip
def test_a_camera_gives_the_key_frames_that_a_file_gives(tmp_path: Path, codec: str, name: str):
    """A camera's decoder is another one for each key frame; what headers say must come along."""
    clip = make_clip(tmp_path / name, frames=60, gop=20, codec=codec)

    def key_frames(*, live: bool) -> list[tuple[float | None, int]]:
        stats = SourceStats()
        with Video(clip, decode=Decode.KEYFRAMES, every_s=0.1, live=live) as video:
            found = [
                (decoded.stamp_s, number_of(decoded.picture.to_ndarray(format="bgr24")))
                for decoded in video.frames(stats)
            ]
        assert stats.corrupt == 0
        return found

    filed = key_frames(live=False)
    assert key_frames(live=True) == filed
    shown = [number for _, number in filed]
    assert shown == ([0, 20, 40] if codec != "mjpeg" else list(range(60)))


@pytest.mark.parametrize("parsed", [True, False])
def test_no_decoder_sees_what_surely_is_no_key_frame_nor_a_part_of_one(tmp_path, parsed: bool):
    path = make_clip(tmp_path / "clip.mp4", gop=25)
    choice, stats = KeyframeChoice(Decode.AUTO, 1.0, hopeful=True), SourceStats()
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        keys = KeyDecoder(stream.codec_context, choice, live=True, parsed=parsed, threads=1)
        keys.begin()
        key, *others = [packet for packet in container.demux(stream) if packet.size][:25]
        assert not keys.passes_over(key)
        keys.take(key, stats, lambda: 0.0)
        assert not keys.passes_over(others[0]), "a key frame may come in several packets"
        (shown,) = keys.drain(stats)
        assert [number_of(picture.to_ndarray(format="bgr24")) for picture in shown.pictures] == [0]
        assert {keys.passes_over(packet) for packet in others} == {parsed}
