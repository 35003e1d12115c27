"""The speed benches' own parts: turns, ratios, made clips and photos; and that commands answer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cv.bench.archive import keyframe_times_s, looks_alone, measure_recording
from cv.bench.clip import cache_folder, camera_clip, looped
from cv.bench.commands import app
from cv.bench.photos import PhotoKind, jpeg
from cv.bench.showing import Result, Row, drawable, show
from cv.bench.timing import Ratio, by_turns, ratio
from cv.bench.watching import watch_recording
from cv.detect.detector import Detector
from cv.detect.photo import decode_photo
from cv.errors import UserError
from tests.detect.clips import make_clip
from tests.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.onnx")


@pytest.fixture(scope="module")
def detector(tiny: Path) -> Detector:
    return Detector(tiny, backend="onnxruntime", threads=1)


def test_ways_take_turns_and_begin_in_turn() -> None:
    called: list[str] = []
    ways = {name: lambda name=name: called.append(name) for name in "abc"}
    times = by_turns(ways, rounds=3)
    assert "".join(called) == "abcbcacab"
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 3, "b": 3, "c": 3}


def test_no_round_begins_that_would_end_too_late() -> None:
    called: list[int] = []
    by_turns({"a": lambda: called.append(1)}, rounds=5, limit_s=0.0)
    assert called == [1]


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that is three times slower in one round changes no ratio."""
    assert ratio([2, 6, 2], [1, 3, 1]) == Ratio(2, 2, 2)
    assert ratio([1, 2, 3, 4, 5], [1] * 5) == Ratio(3, 2, 4)
    assert str(ratio([1.5], [1])) == "1.50 ±0.00"


def test_a_looped_clip_has_the_same_packets_again_and_again(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=50, gop=25)
    long = looped(clip, tmp_path / "long.mp4", 60)
    with av.open(str(long)) as container:
        stamps = [frame.time for frame in container.decode(video=0)]
    assert len(stamps) == 1500
    assert np.allclose(np.diff(stamps), 0.04, atol=0.001)
    assert keyframe_times_s(long) == 1.0
    with pytest.raises(UserError, match="cannot be looped"):
        looped(tmp_path / "none.mp4", tmp_path / "x.mp4", 1)


def copied(clip: Path, to: Path, *, later_s: float = 0.0) -> Path:
    """The same packets in another kind of file, whose times begin later."""
    with av.open(str(clip)) as source, av.open(str(to), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts is not None and packet.time_base:
                later = round(later_s / packet.time_base)
                packet.dts, packet.pts, packet.stream = (
                    packet.dts + later,
                    packet.pts + later,
                    stream,
                )
                output.mux(packet)
    return to


@pytest.mark.parametrize("later_s", [3, 5000])
def test_a_recording_whose_times_begin_anywhere_is_looped_without_gaps(
    tmp_path: Path, later_s: float
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=50, gop=25)
    long = looped(copied(clip, tmp_path / "clip.ts", later_s=later_s), tmp_path / "long.mp4", 60)
    with av.open(str(long)) as container:
        stamps = [frame.time for frame in container.decode(video=0)]
    assert len(stamps) == 1500
    assert np.allclose(np.diff(stamps), 0.04, atol=0.001)


def test_no_key_frame_is_lost_of_a_recording_whose_pictures_are_reordered(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=50, gop=50, b_frames=2)
    long = looped(clip, tmp_path / "long.mp4", 60)
    assert keyframe_times_s(long) == 2.0
    with av.open(str(long)) as container:
        frames = [frame.time for frame in container.decode(video=0)]
    assert abs(len(frames) - 1500) <= 3
    assert np.allclose(np.diff(frames), 0.04, atol=0.002)


@pytest.mark.timeout(60)
def test_a_recording_without_times_cannot_be_looped(tmp_path: Path) -> None:
    raw = copied(make_clip(tmp_path / "clip.mp4", frames=50), tmp_path / "clip.h264")
    with pytest.raises(UserError, match="cannot be looped: its pictures have no time stamps"):
        looped(raw, tmp_path / "long.mp4", 60)
    assert not list(tmp_path.glob("*.part*"))


def test_the_made_clip_is_a_cameras(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source.mp4", frames=40, fps=8)
    made = camera_clip(source, tmp_path / "camera.mp4", seconds=2, size=(640, 360))
    with av.open(str(made)) as container:
        video = container.streams.video[0]
        assert video.average_rate == 25
        assert not video.codec_context.has_b_frames
        frames = [(frame.key_frame, frame.width) for frame in container.decode(video)]
    assert [key for key, _ in frames] == [n % 25 == 0 for n in range(50)]
    assert frames[0][1] == 640


def test_a_clip_that_was_not_made_to_its_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> Iterator[np.ndarray]:
        yield from np.random.default_rng(0).integers(0, 255, (60, 90, 160, 3), np.uint8)
        raise KeyboardInterrupt

    monkeypatch.setattr("cv.bench.clip._filmed", stopped)
    made = tmp_path / "made"
    made.mkdir()
    with pytest.raises(KeyboardInterrupt):
        camera_clip(tmp_path / "any.mp4", made / "camera.mp4", size=(160, 90))
    assert list(made.iterdir()) == []


def test_a_made_photo_is_as_large_as_asked_for() -> None:
    data = jpeg(PhotoKind("test", (600, 800), 0.1, turned=True))
    assert 70_000 < len(data) <= 101_000
    photo = decode_photo(data)
    assert (photo.width, photo.height) == (600, 800)
    assert Image.open(io.BytesIO(data)).size == (800, 600)


def test_what_is_compared_looks_equally_often(tmp_path: Path, detector: Detector) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=150, gop=25, size=(640, 360))
    assert looks_alone(clip, detector) == 6
    assert watch_recording(clip, detector, every_s=1.0) == 6
    assert watch_recording(clip, detector, every_s=1.0, data=tmp_path / "data") == 6
    assert watch_recording(clip, detector, every_s=None) == 150
    result = measure_recording(detector, detector, clip, tmp_path, 12, rounds=2)
    assert [row.name for row in result.rows] == ["kerbwatch", "alone"]


def test_a_result_is_a_table_a_document_or_a_plot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Row("one", {"ms": 12.345, "ratio": Ratio(1.5, 1.4, 1.6)})
    result = Result("Some ms", [row, Row("other", {"ms": 2.0})], ("ms",))
    show([result], as_json=False, plot=drawable(tmp_path / "new/plot.png"))
    text = capsys.readouterr().out
    for word in ("Some ms", "one", "12.3", "1.50 ±0.10", "other", " -\n", "cores of"):
        assert word in text
    with Image.open(tmp_path / "new/plot.png") as plot:
        assert plot.size[0] > 300
    show([result], as_json=True, plot=None)
    document = json.loads(capsys.readouterr().out)
    assert document["machine"]["cores"] >= 1
    assert document["results"][0]["rows"][0] == {
        "name": "one", "ms": 12.345, "ratio": {"median": 1.5, "low": 1.4, "high": 1.6},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("plot", "said"),
    [
        ("plot.toml", "no plot by its name; allowed are"),
        ("file/plot.png", "File exists"),
        ("folder.png", "is no file"),
    ],
)
def test_a_plot_that_cannot_be_drawn_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plot: str, said: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["infer", "--plot", plot, "--model", "missing.onnx"])
    assert said in str(result.exception)


def test_a_clip_that_is_none_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    for command in ("archive", "cameras"):
        result = CliRunner().invoke(app, [command, "--clip", str(clip)])
        assert "clip.mp4: not a recording: " in str(result.exception)
        clip.write_bytes(b"no video")


def test_without_a_place_for_made_clips_the_command_says_which_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="set XDG_CACHE_HOME"):
        cache_folder()


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (["infer"], {2, 4}),
        (["photos", "--backend", "onnxruntime"], {3}),
        (["archive", "--backend", "onnxruntime", "--photos", "4"], {2}),
    ],
    ids=["infer", "photos", "archive"],
)
def test_each_bench_prints_its_rows_with_positive_times(
    arguments: list[str], rows: set[int], tiny: Path
) -> None:
    result = CliRunner().invoke(app, [*arguments, "--quick", "--json", "--model", str(tiny)])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    for measured in document["results"]:
        assert len(measured["rows"]) in rows
        for row in measured["rows"]:
            numbers = [value for key, value in row.items() if key != "name"]
            assert all(n["median"] > 0 if isinstance(n, dict) else n > 0 for n in numbers)
