"""Text in forms with pictures: UTF-8, or refused."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.serve.conftest import jpeg

_TYPE = "multipart/form-data; boundary=bb"


def form(value: bytes = b"a stall", filename: bytes = b"a.jpg") -> bytes:
    return (
        b'--bb\r\nContent-Disposition: form-data; name="description"\r\n\r\n' + value + b"\r\n"
        b'--bb\r\nContent-Disposition: form-data; name="image"; filename="' + filename + b'"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + jpeg() + b"\r\n--bb--\r\n"
    )


@pytest.mark.parametrize("path", ["/v1/photos", "/v1/detect", "/v1/detect/batch"])
@pytest.mark.parametrize(
    "charset",
    ["undefined", "punycode", "idna", "hex", "gbk", "utf-16", "latin-1", "nonsense", "a\0b", "",
     '"GB18030"', "utf-8; charset=undefined"],
)  # fmt: skip
def test_a_form_in_another_charset_is_refused_in_both_languages(
    client: TestClient, path: str, charset: str
) -> None:
    headers = {"content-type": f"{_TYPE}; charset={charset}"}
    answer = client.post(path, content=form(), headers=headers)
    assert answer.status_code == 400
    assert "UTF-8" in answer.json()["detail"]
    assert "UTF-8" in answer.json()["detail_zh"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", '"utf-8"'])
def test_a_form_may_say_that_it_is_utf_8(client: TestClient, charset: str) -> None:
    headers = {"content-type": f"{_TYPE}; charset={charset}"}
    answer = client.post("/v1/photos", content=form(value="北京路".encode()), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/photos", "/v1/detect", "/v1/detect/batch"])
@pytest.mark.parametrize("value", ["北京路".encode("gbk"), b"\xff\xfe", b"\xed\xa0\x80"], ids=str)
def test_text_that_is_not_utf_8_is_refused_and_the_field_named(
    client: TestClient, path: str, value: bytes
) -> None:
    answer = client.post(path, content=form(value=value), headers={"content-type": _TYPE})
    assert answer.status_code == 422
    assert "description" in answer.json()["detail"]
    assert "UTF-8" in answer.json()["detail_zh"]


def test_the_name_of_a_file_may_be_anything(client: TestClient) -> None:
    content = form(filename="照片.jpg".encode("gbk"))
    assert client.post("/v1/photos", content=content, headers={"content-type": _TYPE}).is_success


def test_a_field_is_no_longer_than_a_whole_form_without_pictures(client: TestClient) -> None:
    """It is cleaned on the event loop, letter by letter: a megabyte would stop all for a while."""
    content = form(value=b"\x01" * 70_000)
    answer = client.post("/v1/photos", content=content, headers={"content-type": _TYPE})
    assert answer.status_code == 400
    assert "64KB" in answer.json()["detail"]
