"""Reports of several pictures: kept, found again, known already, contradicted, masked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.evidence.retention import Retention
from cv.photos import look
from cv.site import Site
from serve.app import create_app
from tests.cases.filings import GATE, START, case_of, site_in
from tests.serve.conftest import LIMITS, jpeg, read_only
from tests.serve.test_photos import with_exif

HERE = {"lon": str(GATE.lon), "lat": str(GATE.lat), "coord_sys": "CGCS2000"}
NOON = {"captured_at": (START + timedelta(minutes=20)).isoformat()}


@pytest.fixture
def place(tmp_path: Path) -> Site:
    return site_in(tmp_path / "data")


@pytest.fixture
def desk(detector: Detector, place: Site) -> Iterator[TestClient]:
    with (
        CaseStore(place.reporting.data / "cases.sqlite") as store,
        TestClient(
            create_app(detector, place, limits=LIMITS, secret="s3cret", store=store)
        ) as client,
    ):
        yield client


def send(
    client: TestClient, *pictures: bytes, key: str | None = None, **fields: str
) -> tuple[int, dict[str, Any]]:
    files = [("image", ("p.jpg", picture, "image/jpeg")) for picture in pictures]
    headers = {"Idempotency-Key": key} if key is not None else {}
    answer = client.post("/v1/photos", data=fields, files=files, headers=headers)
    return answer.status_code, answer.json()


def scene(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 12, 3)).astype(np.uint8)
    return cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)


def encoded(image: np.ndarray, quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def test_near_and_far_are_one_report_with_the_first_picture_where_it_always_was(
    desk: TestClient, junction: bytes
) -> None:
    status, answer = send(desk, junction, jpeg(300, 200))
    assert status == 200
    near, far = answer["images"]
    assert answer["image"] == {k: near[k] for k in ("width", "height", "mime", "sha256")}
    assert answer["detections"] == near["detections"] != []
    assert (near["quality"]["no_object"], far["quality"]["no_object"]) == (False, True)
    assert (near["quality"]["too_small"], far["quality"]["too_small"]) == (False, True)
    assert 1 <= len(answer["suggestions"]) <= 3
    assert {s["image"] for s in answer["suggestions"]} == {0}
    assert answer["filed"] is False


def test_six_pictures_are_too_many_and_a_broken_one_is_named(desk: TestClient) -> None:
    status, problem = send(desk, *[jpeg(shade=shade) for shade in range(6)])
    assert (status, "one to 5" in problem["detail"]) == (422, True)
    status, problem = send(desk, jpeg(), jpeg()[:4000])
    assert status == 422
    assert problem["detail"].startswith("image 2: ")
    assert "第 2 张" in problem["detail_zh"]


def test_the_answer_is_found_again_by_its_id_with_links_that_work(
    desk: TestClient, junction: bytes, place: Site
) -> None:
    _, answer = send(desk, junction, address="北京路", report="true")
    again = desk.get(f"/v1/photos/{answer['id']}").json()
    for one in (answer, again):
        evidence = one["images"][0].pop("evidence")
        picture = desk.get(evidence["url"])
        assert picture.status_code == 200
        assert picture.headers["content-type"] == "image/jpeg"
        assert datetime.fromisoformat(evidence["expires"]) > datetime.fromisoformat(
            one["received_at"]
        )
    assert again == answer
    assert again["report"] is True
    originals = list((place.reporting.data / "originals").rglob("*.jpg"))
    assert [file.read_bytes() for file in originals] == [junction]
    assert desk.get("/v1/photos/ph-0").status_code == 404
    unknown = desk.get(f"/v1/photos/ph-{'0' * 20}")
    assert (unknown.status_code, unknown.json()["detail_zh"]) == (404, "没有这张照片")


def test_no_cache_keeps_an_answer_for_who_has_another_key(desk: TestClient) -> None:
    """`X-API-Key` does not tell a cache that what is asked with it is one client's alone."""
    _, answer = send(desk, jpeg())
    again = desk.get(f"/v1/photos/{answer['id']}")
    assert again.status_code == 200
    assert again.headers["cache-control"] == "private, no-store"


def test_the_same_report_is_one_and_a_key_is_for_one_content(desk: TestClient) -> None:
    first = send(desk, jpeg(), address="here")[1]["id"]
    assert send(desk, jpeg(), address="here")[1]["id"] == first
    assert send(desk, jpeg(), address="there")[1]["id"] != first
    _, keyed = send(desk, jpeg(), key="abc", address="here")
    assert keyed["id"] != first
    _, repeated = send(desk, jpeg(), key="abc", address="here")
    assert (repeated["id"], repeated["received_at"]) == (keyed["id"], keyed["received_at"])
    status, problem = send(desk, jpeg(), key="abc", address="there")
    assert status == 422
    assert "Idempotency-Key" in problem["detail"]
    assert problem["detail_zh"]


def test_an_idempotency_key_is_its_senders_own(detector: Detector, place: Site) -> None:
    with CaseStore(place.reporting.data / "cases.sqlite") as store:
        keys = Keys(store.database)
        made = [keys.create(name, Role.REPORT, START)[1] for name in ("app A", "app B")]
        app = create_app(detector, place, limits=LIMITS, secret="s3cret", store=store, keys=keys)
        with TestClient(app) as client:
            ids = []
            for text, shade in zip(made, (40, 200), strict=True):
                client.headers["Authorization"] = f"Bearer {text}"
                status, answer = send(client, jpeg(shade=shade), key="1")
                assert status == 200, answer
                ids.append(answer["id"])
    assert ids[0] != ids[1]


def test_the_same_picture_compressed_again_is_known(desk: TestClient) -> None:
    _, first = send(desk, encoded(scene(1)))
    _, other = send(desk, encoded(scene(2)))
    _, again = send(desk, encoded(scene(1), quality=30))
    assert first["duplicate_of"] == other["duplicate_of"] == []
    (known,) = again["duplicate_of"]
    assert (known["kind"], known["id"]) == ("photo", first["id"])
    assert known["bits"] <= 4


def test_the_same_matter_near_in_place_and_time_is_known(desk: TestClient) -> None:
    def report(seed: int, lon: str, minutes: int, category: str) -> dict[str, Any]:
        moment = (START + timedelta(minutes=minutes)).isoformat()
        fields = {**HERE, "lon": lon, "captured_at": moment, "category": category}
        return send(desk, jpeg(shade=100 + seed), **fields)[1]

    first = report(1, "112.2551", 0, "exposed_garbage")
    (known,) = report(2, "112.2553", 30, "exposed_garbage")["duplicate_of"]
    assert known["id"] == first["id"]
    assert known["metres"] == pytest.approx(19.3, abs=0.3)
    assert known["seconds"] == 1800
    assert known["matters"] == ["exposed_garbage"]
    assert report(3, "112.2553", 30, "roadside_vending")["duplicate_of"] == []
    assert report(4, "112.2563", 30, "exposed_garbage")["duplicate_of"] == []
    assert report(5, "112.2552", 200, "exposed_garbage")["duplicate_of"] == []


def test_an_open_case_of_a_camera_nearby_is_known_and_a_cleared_one_is_not(
    desk: TestClient, place: Site
) -> None:
    with CaseStore(place.reporting.data / "cases.sqlite") as store:
        for number, event in ((0, "new"), (1, "cleared")):
            store.commit_look(
                camera="gate", stream="live", filings=[case_of(place, number, event)],
                state=None, targets=(), now=START,
            )  # fmt: skip
    _, answer = send(desk, jpeg(), **HERE, **NOON, category="blocked_lane")
    (known,) = answer["duplicate_of"]
    assert (known["kind"], known["id"]) == ("case", case_of(place, 0).id)
    assert known["metres"] == 0
    assert known["seconds"] == 900


def test_a_case_that_was_rejected_is_no_duplicate_of_anything(
    desk: TestClient, place: Site
) -> None:
    case = case_of(place, 0)
    with CaseStore(place.reporting.data / "cases.sqlite") as store:
        store.commit_look(
            camera="gate", stream="live", filings=[case], state=None, targets=(), now=START
        )
        store.review(case.id, review_of(RejectReason.MISTAKEN, "li", START))
    _, answer = send(desk, jpeg(), **HERE, **NOON, category="blocked_lane", report="true")
    assert answer["duplicate_of"] == []
    assert answer["case"]["joined"] is False
    _, again = send(desk, jpeg(shade=30), **HERE, **NOON, category="blocked_lane")
    assert case.id not in {known["id"] for known in again["duplicate_of"]}


def test_form_and_file_that_contradict_each_other_are_told(desk: TestClient) -> None:
    given = {"lon": "112.3", "lat": "30.4", "captured_at": "2026-03-14T18:30:00+08:00"}
    _, answer = send(desk, with_exif(), **given)
    place, time = answer["disagreements"]
    assert (place["field"], time["field"]) == ("location", "captured_at")
    assert place["metres"] == pytest.approx(10_700, rel=0.05)
    assert time["seconds"] == 10_800
    assert all(d["message_en"] and d["message_zh"] for d in (place, time))
    near = {"lon": "112.2551", "lat": "30.3127", "captured_at": "2026-03-14T15:31:00+08:00"}
    assert send(desk, with_exif(), **near)[1]["disagreements"] == []


@pytest.mark.media
def test_heads_are_masked_on_the_evidence(desk: TestClient, media: Path) -> None:
    """The model's own persons: pixelated in the masked picture, as they were in the original."""
    for file in sorted((media / "data/india_streets/images").glob("*.webp"))[::40]:
        _, answer = send(desk, file.read_bytes())
        persons = [d for d in answer["detections"] if d["label"] == "person"]
        if persons:
            break
    x1, y1, x2, y2 = (int(edge) for edge in persons[0]["bbox"])
    url = answer["images"][0]["evidence"]["url"]
    masked = cv2.imdecode(np.frombuffer(desk.get(url).content, np.uint8), cv2.IMREAD_COLOR)
    original = cv2.imread(str(file))
    head = slice(y1, y1 + max(2, (y2 - y1) // 8)), slice(x1, x2)
    changed = np.abs(masked[head].astype(int) - original[head]).mean()
    whole = np.abs(masked.astype(int) - original).mean()
    assert changed > 2 * whole


def test_a_picture_that_cannot_be_masked_is_withheld_and_said_so(
    desk: TestClient, place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise cv2.error("out of memory")

    monkeypatch.setattr(look, "mask_found", fails)
    _, answer = send(desk, jpeg())
    evidence = answer["images"][0]["evidence"]
    assert (evidence["url"], evidence["withheld"]) == (None, "masking failed")
    assert evidence["message_en"]
    assert evidence["message_zh"]
    assert list((place.reporting.data / "evidence").rglob("*")) == []


def test_a_store_that_cannot_be_written_costs_the_keeping_not_the_answer(
    detector: Detector, place: Site
) -> None:
    with (
        read_only(place) as store,
        TestClient(
            create_app(detector, place, limits=LIMITS, secret="s3cret", store=store)
        ) as client,
    ):
        status, answer = send(client, jpeg())
        assert status == 200
        assert answer["id"] is None
        assert answer["images"][0]["evidence"]["withheld"] == "not stored"


def test_without_a_secret_there_is_no_link_and_the_answer_says_why(
    detector: Detector, place: Site
) -> None:
    with (
        CaseStore(place.reporting.data / "cases.sqlite") as store,
        TestClient(create_app(detector, place, limits=LIMITS, store=store)) as client,
    ):
        evidence = send(client, jpeg())[1]["images"][0]["evidence"]
        assert (evidence["url"], evidence["withheld"]) == (None, "no secret")


def test_a_photo_whose_time_is_up_is_gone_and_not_unknown(desk: TestClient, place: Site) -> None:
    _, answer = send(desk, encoded(scene(1)))
    address = f"/v1/photos/{answer['id']}"
    assert desk.get(address).status_code == 200
    with CaseStore(place.reporting.data / "cases.sqlite") as store:
        Retention(place, store.database).run(datetime.now(UTC) + timedelta(days=91))
    gone = desk.get(address)
    assert (gone.status_code, gone.json()["detail_zh"]) == (410, "图片已按期删除")
    assert desk.get("/v1/photos/ph-00000000000000000000").status_code == 404
    assert send(desk, encoded(scene(1)))[1]["id"] == answer["id"]
    assert desk.get(address).status_code == 200, "sent anew, it is here anew"
