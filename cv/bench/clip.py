"""Recordings to measure on, made of the clip that comes with the checkout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from cv.detect.fastest import cache_file
from cv.errors import UserError
from cv.geometry import Image
from cv.whole_file import whole_file

__all__ = [
    "FULL",
    "cache_folder",
    "cached_clip",
    "camera_clip",
    "looped",
    "readable",
    "sample_clip",
]

FULL = (1920, 1080)
_FULL_BIT_RATE = 4_000_000
_GRAINS = 8


def sample_clip() -> Path:
    """The clip of `make demo`.

    Raises:
        UserError: this is no checkout.
    """
    clip = Path(__file__).resolve().parents[2] / "datasets/samples/street.mp4"
    if not clip.is_file():
        raise UserError(f"{clip}: not there; give a recording of yours with --clip")
    return clip


def readable(clip: Path) -> Path:
    """The same, if it is a recording.

    Raises:
        UserError: it is none, or cannot be read.
    """
    try:
        with av.open(str(clip)) as container:
            next(container.decode(container.streams.video[0]))
    except (OSError, ValueError, IndexError, StopIteration) as error:
        what = getattr(error, "strerror", None) or "no picture in it"
        raise UserError(f"{clip}: not a recording: {what}") from error
    return clip


def cache_folder() -> Path:
    """Where made files stay for the next time.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder = cache_file().parent / "bench"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise UserError(f"no place for made clips: {error}; set XDG_CACHE_HOME") from error
    return folder


def cached_clip(source: Path, kind: str) -> Path:
    """Where the clip of this kind, made of this very file, is or is to be."""
    about = source.stat()
    named = f"{source.resolve()} {about.st_size} {about.st_mtime_ns}"
    mark = hashlib.sha256(named.encode()).hexdigest()[:8]
    return cache_folder() / f"{source.stem}-{mark}-{kind}.mp4"


def looped(clip: Path, to: Path, seconds: float) -> Path:
    """The same clip again and again, packets copied as they are, up to a length in media time.

    Raises:
        UserError: the clip cannot be read.
    """
    try:
        with whole_file(to) as part, av.open(str(part), "w") as output:
            _copy_again_and_again(clip, output, seconds)
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{clip}: cannot be looped: {error}") from error
    return to


def _copy_again_and_again(clip: Path, output: Any, seconds: float) -> None:
    stream: Any = None
    end = 0
    while True:
        offset: int | None = None
        with av.open(str(clip)) as source:
            video = source.streams.video[0]
            base = video.time_base or Fraction(1, 90_000)
            if stream is None:
                stream = output.add_stream_from_template(video)
            for packet in _timed(source.demux(video)):
                if offset is None:
                    offset = end - packet.dts  # a camera's clock may have run for hours by then
                packet.pts += offset
                packet.dts += offset
                if packet.dts * base >= seconds:
                    return
                end = max(end, packet.dts + (packet.duration or 0))
                packet.stream = stream
                output.mux(packet)
        if offset is None:
            raise ValueError("its pictures have no time stamps")


def _timed(packets: Iterator[Any]) -> Iterator[Any]:
    """Those with times; where pictures are reordered, Matroska says no `dts` of the first ones."""
    early: list[Any] = []
    for packet in packets:
        if packet.pts is None:
            continue
        if packet.dts is None:
            early.append(packet)
            continue
        step = packet.duration or 1
        for place, one in enumerate(early):
            one.dts = packet.dts - step * (len(early) - place)
        yield from early
        early = []
        yield packet


def camera_clip(
    source: Path,
    to: Path,
    *,
    seconds: int = 4,
    size: tuple[int, int] = FULL,
    gop: int = 25,
    still: bool = False,
) -> Path:
    """The clip as a camera would send it: 25 frames/s, no B-frames, 4 Mbps at 1920x1080.

    Smaller pictures get more bits per pixel, as they do from cameras: 2 Mbps at 1280x720.

    Frames between the source's are blended, and sensor noise is added: without it, pictures that
    stand still would cost a decoder next to nothing.

    Args:
        gop: frames from key frame to key frame.
        still: the first frame again and again.
    """
    with whole_file(to) as part, av.open(str(part), "w") as output:
        stream: Any = output.add_stream("libx264", rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = round(_FULL_BIT_RATE * (size[1] / FULL[1]) ** 1.7)
        keys = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0"
        stream.options = {"preset": "veryfast", "x264-params": keys}
        for number, picture in enumerate(_filmed(source, seconds * 25, size, still=still)):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return to


def _filmed(source: Path, count: int, size: tuple[int, int], *, still: bool) -> Iterator[Image]:
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 7, (_GRAINS, size[1], size[0], 1), np.uint8).repeat(3, axis=3)
    with av.open(str(source)) as container:
        rate = container.streams.video[0].average_rate or 25
    step = 0.0 if still else float(rate / 25)
    frames = _again_and_again(source)
    before = after = cv2.resize(next(frames), size)
    place = 0
    for number in range(count):
        while place < number * step:
            before, after = after, cv2.resize(next(frames), size)
            place += 1
        share = 1 - (place - number * step)
        mixed = cv2.addWeighted(before, 1 - share, after, share, -3)
        yield np.asarray(cv2.add(mixed, grain[number % _GRAINS]), np.uint8)


def _again_and_again(source: Path) -> Iterator[Image]:
    while True:
        with av.open(str(source)) as container:
            for frame in container.decode(container.streams.video[0]):
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
