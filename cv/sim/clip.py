"""A scenario as files: a clip, the boxes in each frame, what truly happens, and a site file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from cv.data.new_folder import new_folder
from cv.durations import format_duration
from cv.errors import UserError
from cv.geometry import Image
from cv.sim.film import Film
from cv.sim.outputs import Outputs
from cv.sim.reading import load_scenario, too_many_pictures
from cv.sim.scenario import Scenario, moments
from cv.sim.scene import SEEN_BELOW

__all__ = ["write_clip"]

Progress = Callable[[Sequence[float]], Iterable[float]]

_TICKS = 1000
_GOP_S = 4.0
"""Between keyframes: many cameras come set to 50 or 100 frames at 25 a second."""


def write_clip(
    file: Path, out: Path, progress: Progress, every_s: float | None = None
) -> dict[Path, str]:
    """Film a scenario file; what was written, and what it is.

    Beside `out` (`clip.mp4`) come `clip.labels/` with a YOLO label file for each frame,
    `clip.incidents.json` and `clip.site.toml`.

    Args:
        progress: passes the moments of frames on, and shows how far it is.
        every_s: seconds between frames, if not the scenario's.

    Raises:
        UserError: the scenario is none, a file cannot be written or is somebody's own, or Blender
            is not installed.
    """
    scenario = load_scenario(file)
    if every_s is not None:
        if every_s < 1 / _TICKS:
            raise UserError(f"{every_s:g} s between frames: must be 1ms or more")
        if many := too_many_pictures(scenario, every_s):
            raise UserError(f"{file}: {many}")
    times = list(moments(scenario, every_s))
    if not times:
        raise UserError(f"{file}: no frame in it; duration or gaps leave nothing")
    site = _site(file, scenario)
    made = Outputs.beside(out)
    made.check(file, site)
    part = out.with_name(f".{out.stem}.part{out.suffix}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        film = Film(scenario)
        with (
            new_folder(made.labels, instead=True) as folder,
            _Encoder(part, scenario, times) as encoder,
        ):
            for number, time_s in enumerate(progress(times)):
                picture, seen = film.frame(time_s)
                encoder.add(picture, time_s)
                text = "".join(s.row(film.lens.size) for s in seen if s.hidden < SEEN_BELOW)
                (folder / f"{number:06d}.txt").write_text(text, encoding="ascii")
        part.replace(out)
        made.incidents.write_text(json.dumps(_truth(scenario), indent=2) + "\n", encoding="utf-8")
        made.site.write_text(site, encoding="utf-8")
    except (OSError, av.FFmpegError) as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return {
        out: f"{len(times)} frames, {scenario.duration:g} s",
        made.labels: "a YOLO label file for each frame",
        made.incidents: f"{len(scenario.incidents)} true incidents",
        made.site: "its camera and zones, to give to kerbwatch detect --site",
    }


class _Encoder:
    """H.264 as of a camera: no B-frames, a keyframe every few seconds, at media time."""

    def __init__(self, path: Path, scenario: Scenario, times: Sequence[float]) -> None:
        step = min((b - a for a, b in pairwise(times)), default=1.0)
        self._container = av.open(str(path), "w", format="mp4")
        # What a reader takes for the beginning if it is told nothing else.
        self._container.metadata["creation_time"] = scenario.start.astimezone(UTC).isoformat()
        stream = self._container.add_stream(
            "libx264", rate=Fraction(1 / step).limit_denominator(1000)
        )
        stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.width, stream.height = scenario.camera.size
        stream.pix_fmt = "yuv420p"
        stream.gop_size = max(1, round(_GOP_S / step))
        # One thread and no look-ahead: the same bytes wherever it runs.
        stream.options = {"crf": "27", "preset": "medium", "tune": "zerolatency", "threads": "1"}
        self._stream = stream

    def add(self, picture: Image, time_s: float) -> None:
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = round(time_s * _TICKS), Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> _Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _truth(scenario: Scenario) -> list[dict[str, str | None]]:
    """Begin and end are when the thing stood there while its rule was active."""
    kinds = {thing.id: thing.kind for thing in scenario.things}

    def moment(time_s: float | None) -> str | None:
        return None if time_s is None else (scenario.start + timedelta(seconds=time_s)).isoformat()

    return [
        {
            "thing": true.thing,
            "label": kinds[true.thing],
            "matter": true.matter,
            "zone": true.zone,
            "begin": moment(true.since),
            "end": moment(true.until),
        }
        for true in scenario.incidents
    ]


def _site(file: Path, scenario: Scenario) -> str:
    """The scenario's zones as a site file's; rule keys are taken over as they were written."""
    lines = [
        f"# Made by `kerbwatch sim render {file.name}`.",
        "[site]",
        f"name = {_toml(scenario.name)}",
        f"timezone = {_toml(str(scenario.timezone))}",
        "",
        "[[cameras]]",
        'id = "sim"',
        f"name = {_toml(scenario.name)}",
        f"every = {_toml(format_duration(scenario.every))}",
    ]
    lens = scenario.camera.lens()
    for zone in tomllib.loads(file.read_text(encoding="utf-8-sig"))["zones"]:
        polygon = [[round(x, 4), round(y, 4)] for x, y in lens.polygon(zone.pop("ground"))]
        lines += ["", "[[cameras.zones]]"]
        lines += [f"{key} = {_toml(value)}" for key, value in zone.items()]
        lines += [f"polygon = {_toml(polygon)}"]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Strings, numbers, booleans and lists look in TOML as in JSON."""
    return json.dumps(value, ensure_ascii=False)
