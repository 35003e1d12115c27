"""Several pictures, the drawn picture, labels, HEIC, and how often one client may ask."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pillow_heif
import pytest
from fastapi.testclient import TestClient
from PIL import ExifTags, Image

from cv.detect.detector import Detector
from cv.labels import LABELS
from cv.site import Site
from serve.app import create_app
from serve.limits import Limits
from tests.serve.conftest import jpeg


def heic(data: bytes, orientation: int = 1) -> bytes:
    image = Image.open(io.BytesIO(data))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=90, exif=exif.tobytes())
    return out.getvalue()


def batch(*pictures: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("image", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(pictures)]


@pytest.mark.media
def test_an_iphone_photo_gives_what_its_jpeg_gives(client: TestClient, junction: bytes) -> None:
    as_jpeg, as_heic = (
        client.post("/v1/detect", content=data).json() for data in (junction, heic(junction))
    )
    assert as_heic["image"]["mime"] == "image/heic"
    assert {d["label"] for d in as_heic["detections"]} == {
        d["label"] for d in as_jpeg["detections"]
    }


def test_a_turned_iphone_photo_is_upright_once(client: TestClient) -> None:
    answer = client.post("/v1/detect", content=heic(jpeg(640, 480), orientation=6))
    assert answer.status_code == 200
    assert (answer.json()["image"]["width"], answer.json()["image"]["height"]) == (480, 640)


@pytest.mark.media
def test_the_picture_comes_back_with_boxes_drawn(client: TestClient, junction: bytes) -> None:
    headers = {"accept": "text/html;q=0.9, image/jpeg"}
    answer = client.post("/v1/detect", content=junction, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["vary"] == "accept"
    drawn, given = (
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        for data in (answer.content, junction)
    )
    assert drawn.shape == given.shape
    found = client.post("/v1/detect", content=junction).json()["detections"][0]
    x1, y1, x2, _ = (round(edge) for edge in found["bbox"])
    edge = slice(max(0, y1), y1 + 2), slice(x1 + 4, x2 - 4)
    changed = np.abs(drawn[edge].astype(int) - given[edge].astype(int)).mean()
    assert changed > 20, "the box's upper edge is drawn"


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, "application/json"),
        ("", 200, "application/json"),
        ("application/*", 200, "application/json"),
        ("image/*", 200, "image/jpeg"),
        ("application/json;q=0.5, image/jpeg;q=0.4", 200, "application/json"),
        ("application/json;q=0.4, image/jpeg;q=0.5", 200, "image/jpeg"),
        ("text/html", 406, "application/problem+json"),
        ("image/png", 406, "application/problem+json"),
        ("application/json;q=0", 406, "application/problem+json"),
        ("nonsense", 406, "application/problem+json"),
    ],
)
def test_accept_chooses_or_is_refused(
    client: TestClient, accept: str, status: int, kind: str
) -> None:
    answer = client.post("/v1/detect", content=jpeg(), headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)


def test_in_a_batch_a_bad_picture_has_its_problem_and_the_others_answer(
    client: TestClient,
) -> None:
    pictures = batch(jpeg(640, 480), b"no picture", b"", jpeg(320, 200))
    answer = client.post("/v1/detect/batch", files=pictures)
    assert answer.status_code == 200
    first, text, empty, last = answer.json()["results"]
    assert (first["image"]["width"], last["image"]["width"]) == (640, 320)
    assert text["status"] == empty["status"] == 415
    assert "HEIC" in text["detail"]
    assert text["detail_zh"]


def test_a_batch_has_one_to_ten_pictures(client: TestClient) -> None:
    for count, says in ((11, "one to 10"), (12, "Too many files")):
        answer = client.post("/v1/detect/batch", files=batch(*[jpeg(64, 64)] * count))
        assert answer.status_code in (400, 422)
        assert says in answer.json()["detail"]
    assert client.post("/v1/detect/batch", content=jpeg()).status_code == 415


def test_labels_say_what_they_may_lead_to_and_keep_their_tag(client: TestClient) -> None:
    answer = client.get("/v1/labels")
    labels = {entry["label"]: entry for entry in answer.json()["labels"]}
    assert tuple(labels) == LABELS
    assert labels["street_stall"]["matters"] == [
        "out_of_store_vending",
        "roadside_vending",
        "blocked_lane",
    ]
    assert labels["person"]["matters"] == []
    assert labels["person"]["name_zh"] == "人"
    assert all(0 < entry["threshold"] < 1 for entry in labels.values())
    tag = answer.headers["etag"]
    for sent in (tag, f'W/{tag}, "other"'):
        again = client.get("/v1/labels", headers={"if-none-match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get("/v1/labels", headers={"if-none-match": '"old"'}).status_code == 200


def test_one_client_that_asks_too_often_waits(detector: Detector, site: Site) -> None:
    client = TestClient(create_app(detector, site, limits=Limits(rate=3)))
    answers = [client.post("/v1/detect", content=b"no picture") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [415, 415, 415, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["detail_zh"]
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("addresses", "last"),
    [
        (("2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3"), 429),
        (("2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::3"), 415),
        (("203.0.113.1", "203.0.113.1", "203.0.113.2"), 415),
        (("::ffff:203.0.113.1", "203.0.113.1", "::ffff:203.0.113.2"), 415),
        (("::ffff:203.0.113.1", "203.0.113.1", "::ffff:203.0.113.1"), 429),
    ],
)
def test_all_addresses_of_one_ipv6_subscriber_are_one_client(
    detector: Detector, site: Site, addresses: tuple[str, ...], last: int
) -> None:
    app = create_app(detector, site, limits=Limits(rate=2))
    clients = [TestClient(app, client=(address, 50_000)) for address in addresses]
    answers = [client.post("/v1/detect", content=b"no picture") for client in clients]
    assert [answer.status_code for answer in answers] == [415, 415, last]
