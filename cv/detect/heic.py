"""HEIC, the photos of iPhones, through libheif."""

from __future__ import annotations

import numpy as np
import pillow_heif
from PIL import Image as Pillow

from cv.geometry import Image

__all__ = ["BRANDS", "decode_heic", "heic_header"]

BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
"""Major brands of still pictures in HEVC (ISO/IEC 23008-12, B.4); AVIF has others."""

# Only the main picture is of use; libheif decodes all others for nothing, if asked.
pillow_heif.options.THUMBNAILS = False
pillow_heif.options.DEPTH_IMAGES = False
pillow_heif.options.AUX_IMAGES = False
pillow_heif.options.DECODE_THREADS = 2


def heic_header(data: bytes) -> tuple[int, int, Pillow.Exif]:
    """Width and height, upright, and the EXIF; no pixel is decoded.

    Raises:
        ValueError, RuntimeError, EOFError, SyntaxError: not readable.
    """
    container = _open(data)
    exif = Pillow.Exif()
    if content := container.info.get("exif"):
        exif.load(content)
    return *container.size, exif


def decode_heic(data: bytes) -> Image:
    """uint8 [H, W, 3] BGR, turned and mirrored as the container says.

    Raises:
        ValueError, RuntimeError, EOFError, SyntaxError: damaged.
    """
    container = _open(data)
    pixels = np.asarray(container)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return np.asarray(pixels[:, :, :3], np.uint8)


def _open(data: bytes) -> pillow_heif.HeifFile:
    container = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=True)
    if not len(container):  # asked for its size, it would raise IndexError
        raise ValueError("no picture in it")
    return container
