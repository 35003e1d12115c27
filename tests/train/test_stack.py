"""Loading the training stack leaves the rest of the process as it was."""

from __future__ import annotations

import io

import pytest


@pytest.mark.usefixtures("stack")
def test_what_is_no_picture_is_still_no_picture() -> None:
    """Ultralytics would try to install a HEIF reader instead."""
    from PIL import Image, UnidentifiedImageError

    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"no picture"))
