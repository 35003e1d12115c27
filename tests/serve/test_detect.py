"""POST /v1/detect, and the refusals that all pictures share."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.serve.conftest import LIMITS, jpeg


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has hardly a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixels + chunk(b"IEND", b"")


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "GIF")
    return out.getvalue()


@pytest.mark.media
def test_a_picture_as_body_or_as_form_gives_the_same(client: TestClient, junction: bytes) -> None:
    raw = client.post("/v1/detect", content=junction, headers={"content-type": "image/jpeg"})
    form = client.post("/v1/detect", files={"image": ("x.jpg", junction, "image/jpeg")})
    assert raw.status_code == form.status_code == 200
    answer = raw.json()
    assert answer["detections"] == form.json()["detections"]
    assert {d["label"] for d in answer["detections"]} >= {"car", "bus"}
    assert (answer["image"]["width"], answer["image"]["height"]) == (704, 396)
    for d in answer["detections"]:
        x1, y1, x2, y2 = d["bbox"]
        assert 0 <= x1 < x2 <= 704
        assert 0 <= y1 < y2 <= 396
        assert d["bbox_format"] == "xyxy_px"
    assert len(answer["model"]["sha256"]) == 64


@pytest.mark.media
def test_a_higher_threshold_gives_fewer(client: TestClient, junction: bytes) -> None:
    few, many = (
        client.post(f"/v1/detect?min_score={score}", content=junction).json()["detections"]
        for score in (0.8, 0.2)
    )
    assert 0 < len(few) < len(many)
    assert all(d["score"] >= 0.8 for d in few)


@pytest.mark.media
def test_concurrent_pictures_get_their_own_answers(client: TestClient, junction: bytes) -> None:
    pictures = [junction, jpeg(shade=30), jpeg(320, 200, shade=90)] * 4
    alone = [client.post("/v1/detect", content=p).json() for p in pictures[:3]]
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda picture: client.post("/v1/detect", content=picture).json(), pictures)
        )
    for i, answer in enumerate(answers):
        assert answer["image"] == alone[i % 3]["image"]
        assert answer["detections"] == alone[i % 3]["detections"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        (b"", "image/jpeg", 422, "empty"),
        (b"hello, this is text", "image/jpeg", 415, "JPEG, PNG, WebP or HEIC"),
        (gif(), "image/gif", 415, "JPEG, PNG, WebP or HEIC"),
        (jpeg()[:4000], "image/jpeg", 422, "damaged"),
        (png_header(40_000, 40_000), "image/png", 413, "pixels"),
        (png_header(100, 100), "image/png", 422, "damaged"),
        (jpeg(), "application/json", 415, "content type"),
        (b"\xff" * (LIMITS.image_bytes + 70_000), "image/jpeg", 413, "bytes"),
    ],
    ids=["empty", "text", "gif", "truncated", "bomb", "no pixels", "json", "too many bytes"],
)
def test_what_is_no_usable_picture_is_refused_in_both_languages(
    client: TestClient, body: bytes, kind: str, status: int, says: str
) -> None:
    answer = client.post("/v1/detect", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert says in problem["detail"]
    assert any("\u4e00" <= sign <= "\u9fff" for sign in problem["detail_zh"])
    assert problem["status"] == status


def test_a_chunked_body_is_cut_off_at_the_limit(client: TestClient) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(2000):
            sent += 100_000
            yield b"\xff" * 100_000

    answer = client.post("/v1/detect", content=endless())
    assert answer.status_code == 413


@pytest.mark.parametrize("score", ["2", "-1", "high"])
def test_a_bad_parameter_is_named(client: TestClient, score: str) -> None:
    answer = client.post(f"/v1/detect?min_score={score}", content=jpeg())
    assert answer.status_code == 422
    assert "min_score" in answer.json()["detail"]


def test_two_pictures_are_one_too_many(client: TestClient) -> None:
    two = [("image", ("a.jpg", jpeg(), "image/jpeg")), ("image", ("b.jpg", jpeg(), "image/jpeg"))]
    answer = client.post("/v1/detect", files=two)
    assert answer.status_code == 422
    assert "exactly one" in answer.json()["detail"]


def test_unknown_addresses_and_methods_are_problems_too(client: TestClient) -> None:
    assert client.get("/v1/nothing").json()["status"] == 404
    assert client.get("/v1/detect").json()["status"] == 405
