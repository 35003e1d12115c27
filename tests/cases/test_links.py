"""Links to evidence: signed, and not for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cv.cases.links import (
    LINK_LIFE_S,
    SECRET_VARIABLE,
    ExpiredLinkError,
    evidence_url,
    link_secret,
    verify,
)
from cv.errors import UserError
from tests.cases.filings import START

SECRET = "a secret of some length"
FILE = "evidence/kw-1/scene.jpg"


def token(secret: str = SECRET) -> str:
    return evidence_url("https://box.example", FILE, secret, now=START).rpartition("/")[2]


def test_a_link_stands_for_its_file_until_it_expires() -> None:
    url = evidence_url("https://box.example", FILE, SECRET, now=START)
    assert url.startswith("https://box.example/v1/evidence/")
    for days in (0, 6.99):
        assert verify(token(), SECRET, now=START + timedelta(days=days)) == FILE
    with pytest.raises(UserError, match="expired"):
        verify(token(), SECRET, now=START + timedelta(seconds=LINK_LIFE_S + 1))


def test_a_link_of_a_machine_whose_clock_is_ahead_is_good_at_once() -> None:
    for seconds in (1, 300):
        assert verify(token(), SECRET, now=START - timedelta(seconds=seconds)) == FILE
    with pytest.raises(ExpiredLinkError):
        verify(token(), SECRET, now=START - timedelta(days=1))


def test_a_link_that_we_did_not_sign_is_not_valid() -> None:
    signed = token()
    other = "B" if signed[3] != "B" else "C"
    for forged in (
        signed[:3] + other + signed[4:],
        signed[:-3],
        "",
        "x",
        token("another secret..."),
    ):
        with pytest.raises(UserError, match="not valid"):
            verify(forged, SECRET, now=START)


def test_the_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    assert link_secret() is None
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    assert link_secret() == SECRET
    monkeypatch.setenv(SECRET_VARIABLE, "hunter2")
    with pytest.raises(UserError, match="too short") as caught:
        link_secret()
    assert "hunter2" not in str(caught.value)
