"""Small clips whose every frame says which one it is."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

BITS = 10
SIZE = (320, 240)


def numbered(number: int, size: tuple[int, int] = SIZE) -> Pixels:
    """A BGR picture: `number` in black and white stripes above moving texture."""
    width, height = size
    stripes = [255 * (number >> bit & 1) for bit in range(BITS)]
    upper = np.repeat(np.array(stripes, np.uint8), -(-width // BITS))[:width]
    noise = np.random.default_rng(0).integers(0, 90, (height, width, 3), np.uint8)
    image: Pixels = np.roll(noise, 3 * number, axis=1).copy()
    image[: height // 2] = upper[None, :, None]
    return image


def number_of(image: Pixels) -> int:
    """The number that a picture made by `numbered` shows; it must be clearly legible."""
    height, width = image.shape[:2]
    stripe = -(-width // BITS)
    row = image[height // 8 : height // 4].mean(axis=(0, 2))
    levels = [
        row[bit * stripe + stripe // 4 : bit * stripe + stripe * 3 // 4].mean()
        for bit in range(BITS)
    ]
    assert all(level < 60 or level > 195 for level in levels), f"smeared: {levels}"
    return sum(1 << bit for bit, level in enumerate(levels) if level > 128)


def make_clip(
    path: Path,
    *,
    frames: int = 100,
    stamps: Sequence[float] | None = None,
    fps: Fraction | int = 25,
    gop: int = 25,
    b_frames: int = 0,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    first: int = 0,
    images: Sequence[Pixels] | None = None,
    options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    container: str | None = None,
    intra_refresh: bool = False,
) -> Path:
    """Write a clip of `numbered` pictures (from `first` on), or of `images`.

    Args:
        stamps: seconds at which the frames are shown; else they are `fps` apart.
        options: for the container.
        intra_refresh: only the first frame decodes by itself; others say key frame, and are none.
    """
    pictures = images or [numbered(first + n, size) for n in range(len(stamps or ()) or frames)]
    with av.open(str(path), "w", format=container, options=dict(options or {})) as output:
        output.metadata.update(metadata or {})
        stream: Any = output.add_stream(codec, rate=fps)
        stream.width, stream.height = pictures[0].shape[1], pictures[0].shape[0]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if codec == "libx264":
            rigid = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:b-adapt=0"
            rigid += ":intra-refresh=1" if intra_refresh else ""
            stream.options = {"x264-params": rigid, "crf": "18", "preset": "veryfast"}
        else:
            stream.codec_context.gop_size = gop
        if stamps:
            stream.codec_context.time_base = Fraction(1, 1000)
        for n, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            if stamps:
                frame.time_base, frame.pts = Fraction(1, 1000), round(stamps[n] * 1000)
            else:
                frame.time_base, frame.pts = 1 / Fraction(fps), n
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def make_sound(path: Path, *, pictures: int = 0, sounds: int = 1) -> Path:
    """A file of sound, at first with some pictures, 25 a second; a sound is an eighth of one."""
    with av.open(str(path), "w") as output:
        tracks: list[Any] = [output.add_stream("aac", rate=8000, layout="mono")]
        if pictures:
            tracks.append(output.add_stream("libx264", rate=25))
            tracks[1].width, tracks[1].height = SIZE
            tracks[1].options = {"preset": "ultrafast", "tune": "zerolatency"}
        for n in range(pictures):
            output.mux(tracks[1].encode(av.VideoFrame.from_ndarray(numbered(n), format="bgr24")))
        for _ in range(sounds):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            sound.sample_rate = 8000
            output.mux(tracks[0].encode(sound))
        for track in tracks:
            output.mux(track.encode(None))
    return path


def damage(path: Path, start: float, end: float, seed: int = 1) -> Path:
    """Overwrite the bytes between two shares (0..1) of the file with noise."""
    data = bytearray(path.read_bytes())
    low, high = int(len(data) * start), int(len(data) * end)
    data[low:high] = np.random.default_rng(seed).integers(0, 256, high - low, np.uint8).tobytes()
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the first share (0..1) of the file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def in_gbk(path: Path, text: str) -> Path:
    """Make the title of a clip, so far as many X as it takes, a text in GBK."""
    data, title = path.read_bytes(), text.encode("gbk")
    assert b"X" * len(title) in data
    path.write_bytes(data.replace(b"X" * len(title), title))
    return path


def joined_late(path: Path, share: float) -> Path:
    """Leave the first share (0..1) of a transport stream out, as who connects by then does."""
    data = path.read_bytes()
    path.write_bytes(data[int(len(data) / 188 * share) * 188 :])
    return path


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Make players turn an MP4: x' = ax + cy, y' = bx + dy (ISO 14496-12, 8.3.2.3)."""
    data = bytearray(path.read_bytes())
    matrix = data.find(b"tkhd") + 4 + 4 + 4 + 4 + 4 + 4 + 4 + 8 + 2 + 2 + 2 + 2
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(
        ">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30
    )
    path.write_bytes(data)
    return path
