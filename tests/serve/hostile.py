"""Files made to break readers of pictures, and a run of them all through the real service.

`python -m tests.serve.hostile FOLDER` prints, as JSON, what each was answered with and the peak of
memory.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import Image

SIDE = 4032
"""18.7 million pixels, just within the limit of what has to be decoded whole."""


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def png(
    width: int,
    height: int,
    *,
    pixels: bytes | None = None,
    depth: int = 8,
    colour: int = 2,
    interlace: int = 0,
    before: bytes = b"",
    idat: int = 1 << 30,
) -> bytes:
    """A PNG (RFC 2083) of `pixels`, compressed; black without them; `idat` bytes to a chunk."""
    if pixels is None:
        row = {0: 1, 2: 3, 6: 4}[colour] * depth // 8 * width + 1
        packer = zlib.compressobj(9)
        # An interlaced one has a filter byte for each row of each of its passes: about twice.
        rows = (2 if interlace else 1) * height
        pixels = b"".join(packer.compress(bytes(row)) for _ in range(rows)) + packer.flush()
    size = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    parts = [chunk(b"IDAT", pixels[at : at + idat]) for at in range(0, len(pixels), idat)]
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + before
    return head + b"".join(parts) + chunk(b"IEND", b"")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def small(mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (64, 48), (shade, 0, 0)) for shade in range(0, 250, 10)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=10)


def with_segment(marker: int, *contents: bytes) -> bytes:
    """A JPEG with more segments after its first two bytes."""
    jpeg = saved(small(), "JPEG")
    more = b"".join(
        bytes((0xFF, marker)) + struct.pack(">H", len(part) + 2) + part for part in contents
    )
    return jpeg[:2] + more + jpeg[2:]


def jpeg_of_size(width: int, height: int) -> bytes:
    """A small JPEG whose frame header claims another size (ITU-T T.81, B.2.2)."""
    jpeg = bytearray(saved(small(), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)


def heic(image: Image.Image | None = None) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image or small()).save(out, quality=50)
    return out.getvalue()


def heic_of_size(width: int, height: int) -> bytes:
    """Its `ispe` box (ISO/IEC 23008-12, 6.5.3) lies."""
    data = bytearray(heic())
    at = data.index(b"ispe")
    data[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(data)


def exif_loop() -> bytes:
    """An IFD whose next is itself, and whose sub-IFDs are too (TIFF 6.0, section 2)."""
    entries = b"".join(struct.pack(">HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005))
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 3) + entries + struct.pack(">I", 8)


def exif_bomb() -> bytes:
    """Entries that claim four thousand million values each."""
    tags = (0x0112, 0x8769, 0x8825, 0x9003, *range(0x0100, 0x0110))
    entries = b"".join(struct.pack(">HHII", tag, 5, 0xFFFFFFFF, 8) for tag in tags)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, len(tags)) + entries + bytes(4)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.txt", bytes(20_000_000))
    return out.getvalue()


def noise(width: int, height: int, *options: int) -> bytes:
    tile = np.random.default_rng(2).integers(0, 255, (height // 100, width // 100, 3), np.uint8)
    image = cv2.resize(tile, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.imencode(".jpg", image, list(options))[1].tobytes()


def huge_webp() -> bytes:
    return cv2.imencode(".webp", np.zeros((SIDE, SIDE, 3), np.uint8))[1].tobytes()


_BOMB = zlib.compress(bytes(200_000_000), 9)

HOSTILE: dict[str, tuple[Callable[[], bytes], tuple[int, ...]]] = {
    "jpeg, cut": (lambda: saved(small(), "JPEG")[:700], (422,)),
    "jpeg, cut in its header": (lambda: saved(small(), "JPEG")[:40], (422,)),
    "png, cut": (lambda: saved(small(), "PNG")[:300], (422,)),
    "webp, cut": (lambda: saved(small(), "WEBP")[:300], (422,)),
    "heic, cut": (lambda: heic()[:-100], (422,)),
    "heic, cut in its header": (lambda: heic()[:100], (422,)),
    "heic, without a picture": (lambda: heic().replace(b"hvcC", b"hzcC"), (422,)),
    "jpeg, 1 pixel": (lambda: saved(Image.new("RGB", (1, 1)), "JPEG"), (200,)),
    "png, 1 pixel": (lambda: saved(Image.new("RGB", (1, 1)), "PNG"), (200,)),
    "webp, 1 pixel": (lambda: saved(Image.new("RGB", (1, 1)), "WEBP"), (200,)),
    "png, a line": (lambda: png(20_000, 1), (200,)),
    "png, 40,000 x 40,000": (lambda: png(40_000, 40_000, pixels=zlib.compress(b"0")), (413,)),
    "png, 2^31 x 2^31": (lambda: png(2**31 - 1, 2**31 - 1, pixels=b"0"), (413, 422)),
    "png, 0 x 0": (lambda: png(0, 0, pixels=zlib.compress(b"0")), (415, 422)),
    "jpeg, 40,000 x 40,000": (lambda: jpeg_of_size(40_000, 40_000), (413,)),
    "jpeg, 7,000 x 7,000 claimed": (lambda: jpeg_of_size(7000, 7000), (200, 422)),
    "heic, 40,000 x 40,000": (lambda: heic_of_size(40_000, 40_000), (413, 422)),
    "heic, 2^32 x 1": (lambda: heic_of_size(2**32 - 1, 1), (413, 422)),
    "cmyk": (lambda: saved(small("CMYK"), "JPEG"), (200,)),
    "png, 16 bit": (lambda: png(640, 480, depth=16), (200,)),
    "png, 16 bit grey": (lambda: png(640, 480, depth=16, colour=0), (200,)),
    "webp, animated": (lambda: animated("WEBP"), (200,)),
    "png, animated": (lambda: animated("PNG"), (200,)),
    "gif, animated": (lambda: animated("GIF"), (415,)),
    "exif, loop": (lambda: with_segment(0xE1, exif_loop()), (200, 422)),
    "exif, bomb": (lambda: with_segment(0xE1, exif_bomb()), (200, 422)),
    "exif, a hundred of them": (lambda: with_segment(0xE1, *[exif_bomb()] * 100), (200, 422)),
    "icc, 8 MB": (
        lambda: with_segment(
            0xE2, *(b"ICC_PROFILE\0" + bytes((n + 1, 130)) + bytes(60_000) for n in range(130))
        ),
        (200, 422),
    ),
    "png, icc bomb": (
        lambda: png(64, 48, before=chunk(b"iCCP", b"x\0\0" + _BOMB)),
        (200, 422),
    ),
    "png, text bomb": (lambda: png(64, 48, before=chunk(b"zTXt", b"x\0\0" + _BOMB)), (200, 422)),
    "png, a byte to a chunk": (lambda: png(2000, 2000, idat=1), (200,)),
    "png, more pixels than claimed": (lambda: png(64, 48, pixels=_BOMB), (200, 422)),
    "zip in a jpeg": (lambda: saved(small(), "JPEG") + zipped(), (200, 422)),
    "zip": (zipped, (415,)),
    "gif before a jpeg": (lambda: b"GIF89a" + saved(small(), "JPEG"), (415,)),
    "pdf before a jpeg": (lambda: b"%PDF-1.7\n" + saved(small(), "JPEG"), (415,)),
    "html in a jpeg": (lambda: with_segment(0xFE, b"<script>alert(1)</script>"), (200,)),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', (415,)),
    "tiff": (lambda: saved(small(), "TIFF"), (415,)),
    "png, 49 MP": (lambda: png(7000, 7000, pixels=zlib.compress(b"0")), (413,)),
    "png, 16 MP": (lambda: png(SIDE, SIDE), (200,)),
    "png, 16 MP of 16 bit with alpha": (lambda: png(SIDE, SIDE, depth=16, colour=6), (200,)),
    "png, 16 MP, interlaced": (lambda: png(SIDE, SIDE, interlace=1), (200, 422)),
    "jpeg, 49 MP": (lambda: noise(7000, 7000), (200,)),
    "jpeg, 16 MP, progressive": (
        lambda: noise(SIDE, SIDE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (200,),
    ),
    "webp, 16 MP": (huge_webp, (200,)),
    "heic, 3 MP": (lambda: heic(Image.new("RGB", (2000, 1500))), (200,)),
}


def main() -> None:
    """Post every file of a folder, four at a time; the files are read when they are sent."""
    from fastapi.testclient import TestClient

    from cv.detect.detector import Detector
    from cv.site import default_site
    from serve.app import create_app
    from serve.limits import Limits

    detector = Detector(backend="onnxruntime", threads=1)
    app = create_app(detector, default_site(), limits=Limits(rate=0, within_s=100))
    with TestClient(app, raise_server_exceptions=False) as client, ThreadPoolExecutor(4) as pool:

        def post(file: Path) -> tuple[str, int]:
            return file.name, client.post("/v1/detect", content=file.read_bytes()).status_code

        statuses = dict(pool.map(post, sorted(Path(sys.argv[1]).iterdir())))
    # Not getrusage's, which takes over what the parent had before exec.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps({"statuses": statuses, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
