"""One photo from bytes: checked before it is decoded, upright, BGR."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from cv.detect.heic import decode_heic
from cv.detect.photo_header import HEIC, Header, read_header, too_large
from cv.errors import ImageError
from cv.geometry import Image

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Photo", "decode_photo", "read_photo"]

MAX_PIXELS = 100_000_000
MAX_BYTES = 20 * 1024 * 1024
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""In entropy-coded data 0xFF is followed by 0 or by a restart's number (ITU-T T.81, B.1.1)."""
_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_WHOLE = cv2.IMREAD_COLOR_BGR
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
    header = read_header(data, max_pixels, max_memory)
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
        raise too_large(f"{count} bytes; at most {MAX_BYTES}", f"文件过大，最多 {MAX_BYTES} 字节")


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
