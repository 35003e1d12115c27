"""What people write is shown as they wrote it, but steers nothing and hides nothing."""

from __future__ import annotations

import json

import pytest

from cv.plain_text import one_line, plain_text, printable_json

FAMILY = "👨\u200d👩\u200d👧 ❤\ufe0f"


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("a\x1b[2J\x00\x07b", "a[2Jb"),
        ("a\x9b2Jb\x85", "a2Jb"),
        ("abc\u202edcba\u2066x\u2069\u200e", "abcdcbax"),
        ("138\u200b1234\ufeff5678\u00ad", "13812345678"),
        ("one\r\ntwo\rthree\u2028four\tfive", "one\ntwo\nthree\nfour five"),
        (" \u3000\x1b\n", ""),
    ],
    ids=ascii,
)
def test_what_does_not_print_goes_and_lines_stay(written: str, plain: str) -> None:
    assert plain_text(written) == plain


@pytest.mark.parametrize(
    "text",
    [
        "北京路与江津路交叉口，𠮷野家",
        "مەركىزىي",
        "می\u200cخواهم",
        "क\u094d\u200dष",
        FAMILY,
        "１２号",
    ],
)
def test_scripts_and_emoji_stay_as_they_are(text: str) -> None:
    assert plain_text(text) == one_line(text) == text


def test_one_line_is_one() -> None:
    assert one_line("北京路\nReview: confirmed\r\n\tCase:  x\u2029") == (
        "北京路 Review: confirmed Case: x"
    )


def test_json_for_people_loses_nothing_and_steers_nothing() -> None:
    document = {"address": "a\x1b\x9b\x7f\u202e\U000e0041路" + FAMILY}
    shown = printable_json(document, indent=2)
    assert "路" + FAMILY in shown
    assert plain_text(shown) == shown
    assert json.loads(shown) == document
