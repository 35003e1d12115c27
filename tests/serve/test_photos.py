"""POST /v1/photos: suggestions, what is missing, and nothing filed."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import ExifTags, Image

from cv.gcj02 import gcj02_to_wgs84
from tests.serve.conftest import jpeg

FORM = {
    "lon": "112.2613",
    "lat": "30.3107",
    "coord_sys": "GCJ-02",
    "captured_at": "2026-03-14T15:30:00+08:00",
    "address": "北京路",
    "category": "exposed_garbage",
}


def post(client: TestClient, picture: bytes, **fields: str) -> tuple[int, dict[str, Any]]:
    answer = client.post(
        "/v1/photos", data=fields, files={"image": ("p.jpg", picture, "image/jpeg")}
    )
    return answer.status_code, answer.json()


Degrees = tuple[float, float, float]
HERE: tuple[Degrees, Degrees] = (30.0, 18.0, 45.36), (112.0, 15.0, 18.36)
NOWHERE: tuple[Degrees, Degrees] = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)


def with_exif(
    taken: str = "2026:03:14 15:30:00", place: tuple[Degrees, Degrees] = HERE, shade: int = 120
) -> bytes:
    """A photo with a time and a place (latitude, longitude) of its own."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    lat, lon = place
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: lat, 3: "E", 4: lon})
    out = io.BytesIO()
    Image.open(io.BytesIO(jpeg(shade=shade))).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.media
def test_garbage_is_suggested_with_code_and_names(client: TestClient, media: Path) -> None:
    """Of six photos of garbage heaps, most get the matter suggested; all get at most three."""
    hits = 0
    for file in sorted((media / "data/garbage_cn/images").glob("*.webp"))[::160][:6]:
        status, answer = post(client, file.read_bytes(), **FORM)
        assert status == 200
        assert len(answer["suggestions"]) <= 3
        for suggestion in answer["suggestions"]:
            assert len(suggestion["code5"]) == 5
            assert suggestion["name_zh"]
            assert suggestion["name_en"]
        hits += any(s["matter"] == "exposed_garbage" for s in answer["suggestions"])
    assert hits >= 3


def test_a_complete_report_misses_nothing_and_files_nothing(client: TestClient) -> None:
    status, answer = post(client, jpeg(), **FORM)
    assert status == 200
    assert answer["missing"] == []
    assert answer["filed"] is False
    lon, lat = gcj02_to_wgs84(112.2613, 30.3107)
    assert answer["location"]["coord_sys"] == "CGCS2000"
    assert answer["location"]["lon"] == pytest.approx(lon, abs=1e-6)
    assert answer["location"]["lat"] == pytest.approx(lat, abs=1e-6)
    assert answer["location"]["given"]["coord_sys"] == "GCJ-02"
    assert answer["category"] == "exposed_garbage"


def test_what_is_missing_is_said_in_both_languages(client: TestClient) -> None:
    _, answer = post(client, jpeg())
    assert [m["field"] for m in answer["missing"]] == ["location", "captured_at", "address"]
    assert all(m["message_en"] and m["message_zh"] for m in answer["missing"])


def test_exif_stands_in_and_says_so(client: TestClient) -> None:
    _, answer = post(client, with_exif())
    assert [m["field"] for m in answer["missing"]] == ["address"]
    assert answer["location"]["origin"] == "exif"
    assert answer["location"]["lat"] == pytest.approx(30.3126, abs=1e-4)
    assert answer["captured_at"] == "2026-03-14T15:30:00+08:00"


@pytest.mark.parametrize("taken", ["0001:01:01 00:00:00", "9999:12:31 23:59:59"])
def test_the_time_of_a_clock_that_was_never_set_is_no_time(client: TestClient, taken: str) -> None:
    status, answer = post(client, with_exif(taken))
    assert status == 200
    assert answer["captured_at"] is None
    assert "captured_at" in [m["field"] for m in answer["missing"]]


def test_the_place_of_a_phone_without_a_fix_is_no_place(client: TestClient) -> None:
    """Zero degrees, zero degrees: what many write who do not know where they are."""
    for shade in (120, 60):
        picture = with_exif(place=NOWHERE, shade=shade)
        _, answer = post(client, picture, category="exposed_garbage", report="true")
        assert (answer["location"], answer["case"]) == (None, None)
        assert (answer["exif"]["lon"], answer["exif"]["lat"]) == (None, None)
        assert [m["field"] for m in answer["missing"]] == ["location", "address"]
    _, answer = post(client, with_exif(place=NOWHERE), lon="112.3", lat="30.4")
    assert answer["disagreements"] == [], "nor is it somewhere else"
    _, answer = post(client, with_exif(place=(NOWHERE[0], HERE[1])))
    assert answer["location"]["lat"] == 0, "on the equator there are streets"


@pytest.mark.parametrize("zeros", [("0", "0"), ("-0.0", "0.000000")])
def test_zeros_in_the_form_are_no_place_and_merge_no_reports(
    client: TestClient, zeros: tuple[str, str]
) -> None:
    form = {"lon": zeros[0], "lat": zeros[1], "category": "construction_waste", "report": "true"}
    _, nowhere = post(client, jpeg(shade=30), **form)
    assert (nowhere["location"], nowhere["case"]) == (None, None)
    assert "location" in [m["field"] for m in nowhere["missing"]]
    _, by_file = post(client, with_exif(shade=40), **form)
    assert by_file["location"]["origin"] == "exif"
    assert by_file["disagreements"] == []
    cases = []
    for shade, address in ((50, "北京路"), (70, "江津路")):
        _, answer = post(client, jpeg(shade=shade), **form, address=address)
        assert not answer["case"]["joined"]
        cases.append(answer["case"]["id"])
    assert cases[0] != cases[1]


def test_blanks_are_no_words(client: TestClient) -> None:
    blanks = dict.fromkeys(("address", "description", "lon", "lat", "captured_at"), " \u3000\n")
    blanks |= {"address": "\u202e\x1b\u200b"}
    _, answer = post(client, jpeg(), **blanks, category="exposed_garbage", report="true")
    assert answer["case"] is None
    assert [m["field"] for m in answer["missing"]] == ["location", "captured_at", "address"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("gcj02", "GCJ-02"),
        ("GCJ02", "GCJ-02"),
        ("Gcj_02", "GCJ-02"),
        ("wgs84", "WGS84"),
        ("WGS-84", "WGS84"),
        ("cgcs-2000", "CGCS2000"),
    ],
)
def test_a_coordinate_system_is_known_however_it_is_written(
    client: TestClient, written: str, meant: str
) -> None:
    as_written, as_named = (
        post(client, jpeg(), **{**FORM, "coord_sys": name})[1] for name in (written, meant)
    )
    assert as_written["location"] == as_named["location"]
    assert as_written["id"] == as_named["id"]


def test_a_moment_may_have_a_blank_for_the_t(client: TestClient) -> None:
    _, answer = post(client, jpeg(), captured_at="2026-03-14 15:30:00.250+08:00")
    assert answer["captured_at"] == "2026-03-14T15:30:00.250000+08:00"


def test_the_form_decides_over_exif(client: TestClient) -> None:
    _, answer = post(client, with_exif(), lon="112.3", lat="30.4", coord_sys="CGCS2000")
    assert answer["location"]["origin"] == "form"
    assert answer["exif"]["lat"] == pytest.approx(30.3126, abs=1e-4)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"lon": "200", "lat": "30"}, "lon"),
        ({"lon": "112"}, "go together"),
        ({"lon": "east", "lat": "30"}, "lon"),
        ({"coord_sys": "BD-09"}, "coord_sys"),
        ({"captured_at": "2026-03-14T15:30:00"}, "captured_at"),
        ({"captured_at": "yesterday"}, "captured_at"),
        ({"captured_at": "20260314"}, "captured_at: Value error, must be a date and time with an"),
        ({"captured_at": "1773473400"}, "captured_at"),
        ({"captured_at": "1773473400000"}, "captured_at"),
        ({"captured_at": "12.5"}, "captured_at"),
        ({"lon": "1_1", "lat": "30"}, "lon: Value error, must be degrees as a decimal number"),
        ({"lon": "112", "lat": "3e1"}, "lat"),
        ({"captured_at": "0001-01-01T00:00:00+08:00"}, "captured_at"),
        ({"captured_at": "9999-12-31T23:59:59-08:00"}, "captured_at"),
        ({"captured_at": f"{datetime.now(UTC) + timedelta(days=2):%FT%TZ}"}, "captured_at"),
        ({"category": "noise"}, "category"),
        ({"description": "长" * 4001}, "description"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_field_is_named(client: TestClient, fields: dict[str, str], says: str) -> None:
    status, problem = post(client, jpeg(), **fields)
    assert status == 422
    assert says in problem["detail"]
    assert problem["detail_zh"]


def test_without_a_picture_or_a_form_it_says_what_to_send(client: TestClient) -> None:
    assert client.post("/v1/photos", data={"lon": "1"}).status_code == 415
    answer = client.post("/v1/photos", files={"other": ("x.txt", b"text", "text/plain")})
    assert answer.status_code == 422
    assert "image" in answer.json()["detail"]
