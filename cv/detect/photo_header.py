"""What a picture's header says, read before a pixel is decoded: type, size, and EXIF."""

from __future__ import annotations

import io
import struct
import warnings
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as Pillow

from cv.detect.heic import BRANDS, heic_header
from cv.errors import ImageError
from cv.plausible_place import is_place

__all__ = ["HEIC", "Header", "read_header", "too_large"]

HEIC = "image/heic"
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_FORMATS = {**_TYPES, "MPO": "image/jpeg"}
"""What Pillow calls them. An MPO is a JPEG with more pictures after it: what phones call Ultra HDR,
or a portrait with its depth; Pillow's reader of JPEG finds out by itself.
"""
_TWICE_BYTES, _HEIC_BYTES = 6.0, 4.5
"""Bytes a pixel while decoding, measured: PNG, WebP and progressive JPEG are there twice."""
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_BROKEN = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, struct.error)
"""What the readers of headers, of EXIF and of HEIC raise."""


class Header(NamedTuple):
    """What a picture says of itself; `width` and `height` as stored, `point` is (lon, lat)."""

    mime: str
    width: int
    height: int
    orientation: int
    taken_at: datetime | None
    point: tuple[float, float] | None


def read_header(data: bytes, max_pixels: int, max_memory: int | None) -> Header:
    """Read a picture's header, and refuse what would be too large to decode.

    Args:
        max_memory: bytes that the pixels may take while they are decoded, of all but a baseline
            JPEG.

    Raises:
        ImageError: 413 too many pixels, 415 not JPEG, PNG, WebP or HEIC, 422 a damaged header.
    """
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
        raise too_large(f"more than {max_pixels} pixels", "图片尺寸过大") from error
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
        raise too_large(
            f"{width}x{height} pixels; at most {max_pixels}",
            f"图片尺寸过大（{width}x{height}），最多 {max_pixels} 像素",
        )


def _is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def _damaged_header() -> ImageError:
    return ImageError("the picture's header is damaged", status=422, message_zh="图片头部已损坏")


def too_large(english: str, chinese: str) -> ImageError:
    return ImageError(f"the picture is too large: {english}", status=413, message_zh=chinese)


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
