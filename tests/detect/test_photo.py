"""Photos from bytes: upright once, checked before they are decoded."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from cv.detect.photo import MAX_BYTES, decode_photo, read_photo
from cv.errors import ImageError

CORNERS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "white": (255, 255, 255)}
"""Of the upright picture: upper left, upper right, lower left, lower right, in BGR."""

TO_STORED = {
    # how an upright picture is stored under each EXIF orientation
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.TRANSPOSE],
    6: [Image.Transpose.ROTATE_90],
    7: [Image.Transpose.TRANSVERSE],
    8: [Image.Transpose.ROTATE_270],
}


def upright() -> Image.Image:
    """64 wide, 32 high, a colour in each quarter."""
    image = Image.new("RGB", (64, 32))
    for i, (b, g, r) in enumerate(CORNERS.values()):
        image.paste((r, g, b), (i % 2 * 32, i // 2 * 16, i % 2 * 32 + 32, i // 2 * 16 + 16))
    return image


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def corner_colours(data: bytes) -> list[tuple[int, ...]]:
    image = decode_photo(data).image
    height, width = image.shape[:2]
    points = [(y, x) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return [tuple(round(int(v) / 255) * 255 for v in image[point]) for point in points]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_exactly_once(kind: str, orientation: int) -> None:
    image = upright()
    for turn in TO_STORED[orientation]:
        image = image.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"quality": 95} if kind != "PNG" else {}
    data = encoded(image, kind, exif=exif, **options)
    assert decode_photo(data).image.shape == (32, 64, 3)
    assert corner_colours(data) == list(CORNERS.values())


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK", "1", "LA", "I;16"])
def test_every_colour_mode_becomes_plain_bgr(mode: str) -> None:
    image = upright().convert("L" if mode == "I;16" else mode)
    kind = "JPEG" if mode in ("RGB", "L", "CMYK") else "PNG"
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    photo = decode_photo(encoded(image, kind))
    assert photo.image.shape == (32, 64, 3)
    assert photo.image.dtype == np.uint8
    assert photo.image.flags["C_CONTIGUOUS"]


def test_time_and_place_come_from_exif() -> None:
    exif = Image.Exif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = "2026:03:14 15:30:00"
    details[ExifTags.Base.OffsetTimeOriginal] = "+08:00"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {1: "S", 2: (30.0, 30.0, 0.0), 3: "E", 4: (112.0, 15.0, 36.0)}
    )
    photo = decode_photo(encoded(upright(), exif=exif))
    assert photo.taken_at == datetime(2026, 3, 14, 7, 30, tzinfo=UTC)
    assert photo.taken_at.utcoffset() == timedelta(hours=8)
    assert (photo.lon, photo.lat) == pytest.approx((112.26, -30.5))


def test_without_exif_nothing_is_claimed() -> None:
    photo = decode_photo(encoded(upright()))
    assert (photo.taken_at, photo.lon, photo.lat) == (None, None, None)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 415),
        (b"no picture", 415),
        (encoded(upright(), "GIF"), 415),
        (encoded(upright(), "BMP"), 415),
        (encoded(upright())[:-200], 422),
        (encoded(upright())[:30], 422),
        (encoded(upright(), "PNG")[:60], 422),
        (b"\xff" * (MAX_BYTES + 1), 413),
    ],
    ids=["empty", "text", "gif", "bmp", "cut", "header cut", "png cut", "large"],
)
def test_what_is_no_whole_picture_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(ImageError) as caught:
        decode_photo(data)
    assert caught.value.status == status
    assert caught.value.message_zh


@pytest.mark.parametrize("progressive", [False, True])
def test_what_phones_append_to_a_jpeg_does_not_matter(progressive: bool) -> None:
    """A gain map or depth (MPO), a film; with a thumbnail, whose end is not the picture's."""
    plain, film = encoded(upright(), progressive=progressive), b"\0ftypmp42" * 1000
    thumbnail = Image.Exif()
    thumbnail[ExifTags.Base.ImageDescription] = "\xff\xd8 \xff\xd9"
    data = encoded(upright(), progressive=progressive, exif=thumbnail)
    several = encoded(upright(), "MPO", save_all=True, append_images=[upright().resize((32, 16))])
    for photo in (plain + film, data + film, several, several + film):
        assert decode_photo(photo).mime == "image/jpeg"
        assert corner_colours(photo) == list(CORNERS.values())
    for cut in (data[:-60], several[: len(plain) - 60]):
        with pytest.raises(ImageError, match="damaged"):
            decode_photo(cut)
        with pytest.raises(ImageError, match="damaged"):
            decode_photo(cut + film)


def test_too_many_pixels_are_refused_before_decoding() -> None:
    with pytest.raises(ImageError, match="64x32") as caught:
        decode_photo(encoded(upright()), max_pixels=64 * 32 - 1)
    assert caught.value.status == 413


def test_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.jpg"
    file.write_bytes(b"nothing")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        read_photo(file)
    with pytest.raises(ImageError, match=r"missing\.jpg: No such file"):
        read_photo(tmp_path / "missing.jpg")


@given(
    st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF"])
)
def test_hostile_bytes_are_an_image_error_and_nothing_else(tail: bytes, head: bytes) -> None:
    with pytest.raises(ImageError):
        decode_photo(head + tail)
