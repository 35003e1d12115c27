"""One photo from bytes: checked before it is decoded, upright, BGR."""

from __future__ import annotations

import hashlib
import io
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

from cv.errors import ImageError
from cv.geometry import Image

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Photo", "decode_photo", "read_photo"]

MAX_PIXELS = 100_000_000
MAX_BYTES = 20 * 1024 * 1024
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
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


def decode_photo(data: bytes, *, max_pixels: int = MAX_PIXELS, enough: int | None = None) -> Photo:
    """Check the header, then decode.

    Args:
        enough: the longer side in pixels that suffices: a JPEG that is at least twice as large is
            decoded at a half, quarter or eighth of its size, which costs half the time.

    Raises:
        ImageError: 413 too many bytes or pixels, 415 not JPEG, PNG or WebP, 422 broken.
    """
    _check_bytes(len(data))
    header = _read_header(data, max_pixels)
    # Upright by our own hand, once: cv2 applies EXIF to some formats and not to others.
    flags = _colour(header, enough) | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None or _is_truncated(data, header.mime):
        raise ImageError("the picture is damaged", status=422, message_zh="图片已损坏，无法解码")
    upright = np.ascontiguousarray(_turned(np.asarray(image, np.uint8), header.orientation))
    lon, lat = header.point or (None, None)
    width, height = header.width, header.height
    if header.orientation in range(5, 9):  # quarter turns
        width, height = height, width
    digest = hashlib.sha256(data).hexdigest()
    return Photo(upright, header.taken_at, lon, lat, header.mime, digest, width, height)


def _colour(header: Header, enough: int | None) -> int:
    """The way to decode: only JPEG is cheaper at a part of its size."""
    longer = max(header.width, header.height)
    if enough is None or header.mime != "image/jpeg":
        return cv2.IMREAD_COLOR_BGR
    fitting = [part for part in _REDUCED if longer >= enough * part]
    return _REDUCED[max(fitting)] if fitting else cv2.IMREAD_COLOR_BGR


def _check_bytes(count: int) -> None:
    if count > MAX_BYTES:
        raise _too_large(f"{count} bytes; at most {MAX_BYTES}", f"文件过大，最多 {MAX_BYTES} 字节")


def _too_large(english: str, chinese: str) -> ImageError:
    return ImageError(f"the picture is too large: {english}", status=413, message_zh=chinese)


def _read_header(data: bytes, max_pixels: int) -> Header:
    """What there is to know without decoding a pixel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own warnings on size and odd EXIF
            with Pillow.open(io.BytesIO(data), formats=tuple(_TYPES)) as header:
                width, height = header.size
                mime = _TYPES[str(header.format)]
                if width * height > max_pixels:
                    raise _too_large(
                        f"{width}x{height} pixels; at most {max_pixels}",
                        f"图片尺寸过大（{width}x{height}），最多 {max_pixels} 像素",
                    )
                exif = header.getexif()
                turn, taken_at = _orientation(exif), _taken_at(exif)
                return Header(mime, width, height, turn, taken_at, _point(exif))
    except (UnidentifiedImageError, Pillow.DecompressionBombError) as error:
        if isinstance(error, Pillow.DecompressionBombError):
            raise _too_large(f"more than {max_pixels} pixels", "图片尺寸过大") from error
        if data.startswith(_SIGNATURES):
            raise _damaged_header() from error
        raise ImageError(
            "not a JPEG, PNG or WebP picture",
            status=415,
            message_zh="仅支持 JPEG、PNG 或 WebP 图片",
        ) from error
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise _damaged_header() from error


def _damaged_header() -> ImageError:
    return ImageError("the picture's header is damaged", status=422, message_zh="图片头部已损坏")


def _is_truncated(data: bytes, mime: str) -> bool:
    """cv2 fills what is missing of a JPEG with grey and says nothing."""
    return mime == "image/jpeg" and b"\xff\xd9" not in data[-4096:]


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
    return (lon, lat) if -180 <= lon <= 180 and -90 <= lat <= 90 else None


def _degrees(parts: tuple[float, float, float], side: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if side in ("S", "W") else value
