"""What a photo's header says, without decoding it: whether training would take the photo."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

from PIL import Image as Pillow

__all__ = ["why_untaught"]

_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "TIFF")
"""What OpenCV and ultralytics both read, as Pillow calls it; an MPO begins as a JPEG."""
_LEAST_SIDE = 10
"""Pixels. Ultralytics takes no smaller photo, and nothing can be told in one."""
_BROKEN = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, struct.error)
"""What Pillow's readers of headers raise."""


def why_untaught(photo: Path) -> str | None:
    """Why ultralytics would leave a photo out of its training, which it does without a word.

    None for one whose header cannot be read, too: that shows when it is decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own, on odd EXIF and many pixels
            with Pillow.open(photo) as header:
                kind, (width, height) = header.format, header.size
    except Pillow.DecompressionBombError:
        return "has too many pixels"
    except _BROKEN:
        return None
    if kind not in _FORMATS:
        return f"is {kind}; convert it to JPEG, PNG or WebP"
    if min(width, height) < _LEAST_SIDE:
        return f"is {width}x{height} pixels; training needs {_LEAST_SIDE} a side"
    return None
