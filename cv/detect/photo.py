"""One photo from bytes: checked before it is decoded, upright, BGR."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as Pillow

from cv.detect.heic import BRANDS, decode_heic, heic_header
from cv.errors import ImageError
from cv.geometry import Image
from cv.plausible_place import is_place

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Photo", "decode_photo", "read_photo"]

MAX_PIXELS = 100_000_000
MAX_BYTES = 20 * 1024 * 1024
HEIC = "image/heic"
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_FORMATS = {**_TYPES, "MPO": "image/jpeg"}
"""What Pillow calls them. An MPO is a JPEG with more pictures after it: what phones call Ultra HDR,
or a portrait with its depth; Pillow's reader of JPEG finds out by itself.
"""
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""In entropy-coded data 0xFF is followed by 0 or by a restart's number (ITU-T T.81, B.1.1)."""
_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_TWICE_BYTES, _HEIC_BYTES = 6.0, 4.5
"""Bytes a pixel while decoding, measured: PNG, WebP and progressive JPEG are there twice."""
_WHOLE = cv2.IMREAD_COLOR_BGR
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_BROKEN = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, struct.error)
"""What the readers of headers, of EXIF and of HEIC raise."""
_TURNS: dict[int, tuple[int | None, int | None]] = {
    # EXIF orientation → (rotation, then flip: 1 left-right), EXIF 2.32 §4.6.4
    2: (None, 1),
    3: (cv2.ROTATE_180, None),
    4: (cv2.ROTATE_180, 1),
    5: (cv2.ROTATE_90_CLOCKWISE, 1),
    6: (cv2.ROTATE_90_CLOCKWISE, None),
    7: (cv2.ROTATE_90_COUNTERCLOCKWISE, 1),
    8: (cv2.ROTATE_90_COUNTERCLOCKWISE, None),
}


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo.

    Attributes:
        image: uint8 [H, W, 3] BGR, EXIF orientation applied; at most as large as the photo.
        taken_at: from EXIF; aware if EXIF has an offset, else naive local time.
        lon, lat: degrees WGS84 from EXIF.
        sha256: of the bytes as given, hexadecimal.
        width, height: of the whole photo, upright, in pixels.
    """

    image: Image
    taken_at: datetime | None
    lon: float | None
    lat: float | None
    mime: str
    sha256: str
    width: int
    height: int


class Header(NamedTuple):
    """What a picture says of itself; `width` and `height` as stored, `point` is (lon, lat)."""

    mime: str
    width: int
    height: int
    orientation: int
    taken_at: datetime | None
    point: tuple[float, float] | None


def read_photo(path: Path, *, enough: int | None = None) -> Photo:
    """A photo from a file.

    Args:
        enough: as of `decode_photo`.

    Raises:
        ImageError: as `decode_photo`; the message names the file.
    """
    try:
        _check_bytes(path.stat().st_size)
        return decode_photo(path.read_bytes(), enough=enough)
    except OSError as error:
        raise ImageError(
            f"{path}: {error.strerror}", status=422, message_zh="文件无法读取"
        ) from error
    except ImageError as error:
        raise ImageError(
            f"{path}: {error}", status=error.status, message_zh=error.message_zh
        ) from error


def decode_photo(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    max_memory: int | None = None,
    enough: int | None = None,
) -> Photo:
    """Check the header, then decode.

    Args:
        max_memory: bytes that the pixels may take while they are decoded. A baseline JPEG with
            `enough` never has more than a part of its size there, and may have all `max_pixels`.
        enough: the longer side in pixels that suffices: a JPEG that is at least twice as large is
            decoded at a half, quarter or eighth of its size, which costs half the time; others are
            made smaller after it, so that what follows costs less memory.

    Raises:
        ImageError: 413 too many bytes or pixels, 415 not JPEG, PNG, WebP or HEIC, 422 broken.
    """
    _check_bytes(len(data))
    header = _read_header(data, max_pixels, max_memory)
    image = _pixels(data, header, enough)
    if image is None or _is_truncated(data, header.mime):
        raise ImageError("the picture is damaged", status=422, message_zh="图片已损坏，无法解码")
    upright = np.ascontiguousarray(_turned(image, header.orientation))
    del image
    lon, lat = header.point or (None, None)
    width, height = header.width, header.height
    if header.orientation in range(5, 9):  # quarter turns
        width, height = height, width
    digest = hashlib.sha256(data).hexdigest()
    return Photo(upright, header.taken_at, lon, lat, header.mime, digest, width, height)


def _pixels(data: bytes, header: Header, enough: int | None) -> Image | None:
    """As stored (HEIC: upright), BGR, at a part of the size where that is enough; None: damaged."""
    part = _part(header, enough)
    try:
        if header.mime == HEIC:
            image = decode_heic(data)
        else:
            # Upright by our own hand, once: cv2 applies EXIF to some formats and not to others.
            reduced = _REDUCED[part] if part > 1 and header.mime == "image/jpeg" else _WHOLE
            flags = reduced | cv2.IMREAD_IGNORE_ORIENTATION
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
            if decoded is None:
                return None
            image = np.asarray(decoded, np.uint8)
        if part > 1 and header.mime != "image/jpeg":
            size = (-(-image.shape[1] // part), -(-image.shape[0] // part))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    except (cv2.error, ValueError, RuntimeError, EOFError, SyntaxError):
        return None
    return image


def _part(header: Header, enough: int | None) -> int:
    """1, 2, 4 or 8: the part of the size that is enough."""
    if enough is None:
        return 1
    longer = max(header.width, header.height)
    return max((part for part in _REDUCED if longer >= enough * part), default=1)


def _check_bytes(count: int) -> None:
    if count > MAX_BYTES:
        raise _too_large(f"{count} bytes; at most {MAX_BYTES}", f"文件过大，最多 {MAX_BYTES} 字节")


def _too_large(english: str, chinese: str) -> ImageError:
    return ImageError(f"the picture is too large: {english}", status=413, message_zh=chinese)


def _read_header(data: bytes, max_pixels: int, max_memory: int | None) -> Header:
    """What there is to know without decoding a pixel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own warnings on size and odd EXIF
            if _is_heic(data):
                width, height, exif = heic_header(data)
                # libheif turns what it decodes; EXIF repeats the turn.
                most = _most(max_pixels, max_memory, _HEIC_BYTES)
                return _header(HEIC, (width, height), exif, most)._replace(orientation=1)
            with Pillow.open(io.BytesIO(data), formats=tuple(_TYPES)) as header:
                mime = _FORMATS[str(header.format)]
                by_rows = mime == "image/jpeg" and "progressive" not in header.info
                most = max_pixels if by_rows else _most(max_pixels, max_memory, _TWICE_BYTES)
                _check_pixels(header.size, most)
                # Not the file's own getexif: a PNG's decodes all pixels to look behind them.
                return _header(mime, header.size, Pillow.Image.getexif(header), most)
    except UnidentifiedImageError as error:
        if data.startswith(_SIGNATURES):
            raise _damaged_header() from error
        raise ImageError(
            "not a JPEG, PNG, WebP or HEIC picture",
            status=415,
            message_zh="仅支持 JPEG、PNG、WebP 或 HEIC 图片",
        ) from error
    except Pillow.DecompressionBombError as error:
        raise _too_large(f"more than {max_pixels} pixels", "图片尺寸过大") from error
    except _BROKEN as error:
        raise _damaged_header() from error


def _header(mime: str, size: tuple[int, int], exif: Pillow.Exif, max_pixels: int) -> Header:
    _check_pixels(size, max_pixels)
    return Header(mime, *size, _orientation(exif), _taken_at(exif), _point(exif))


def _most(max_pixels: int, max_memory: int | None, per_pixel: float) -> int:
    return max_pixels if max_memory is None else min(max_pixels, int(max_memory / per_pixel))


def _check_pixels(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise _too_large(
            f"{width}x{height} pixels; at most {max_pixels}",
            f"图片尺寸过大（{width}x{height}），最多 {max_pixels} 像素",
        )


def _is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def _damaged_header() -> ImageError:
    return ImageError("the picture's header is damaged", status=422, message_zh="图片头部已损坏")


def _is_truncated(data: bytes, mime: str) -> bool:
    """cv2 fills what is missing of a JPEG with grey and says nothing."""
    return mime == "image/jpeg" and b"\xff\xd9" not in data[-4096:] and not _has_end(data)


def _has_end(data: bytes) -> bool:
    """Whether a JPEG ends though more follows, as a motion photo's film does.

    By its markers (ITU-T T.81, B.1.1.2): a segment's bytes, a thumbnail's say, are no markers.
    """
    at = 2
    while marker := _MARKER.search(data, at):
        at = marker.end()
        if data[at - 1] == 0xD9:
            return True
        at += int.from_bytes(data[at : at + 2])
    return False


def _turned(image: Image, orientation: int) -> Image:
    rotation, flip = _TURNS.get(orientation, (None, None))
    if rotation is not None:
        image = np.asarray(cv2.rotate(image, rotation), np.uint8)
    if flip is not None:
        image = np.asarray(cv2.flip(image, flip), np.uint8)
    return image


def _orientation(exif: Pillow.Exif) -> int:
    value = exif.get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) else 1


def _taken_at(exif: Pillow.Exif) -> datetime | None:
    details = exif.get_ifd(ExifTags.IFD.Exif)
    try:
        taken = datetime.strptime(  # noqa: DTZ007 - EXIF time is local unless it has an offset
            str(details[ExifTags.Base.DateTimeOriginal]), "%Y:%m:%d %H:%M:%S"
        )
    except (KeyError, ValueError):
        return None
    offset = str(details.get(ExifTags.Base.OffsetTimeOriginal, ""))
    try:
        hours, minutes = int(offset[:3]), int(offset[0] + offset[4:6])
        return taken.replace(tzinfo=timezone(timedelta(hours=hours, minutes=minutes)))
    except (ValueError, IndexError):
        return taken


def _point(exif: Pillow.Exif) -> tuple[float, float] | None:
    """(lon, lat) in degrees, WGS84."""
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    try:
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude], str(gps[ExifTags.GPS.GPSLatitudeRef]))
        lon = _degrees(gps[ExifTags.GPS.GPSLongitude], str(gps[ExifTags.GPS.GPSLongitudeRef]))
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        return None
    return (lon, lat) if is_place(lon, lat) else None


def _degrees(parts: tuple[float, float, float], side: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if side in ("S", "W") else value
