"""A camera that is bumped or blind is told of once, when it begins and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cv.detect.view import ViewFault
from cv.detect.view_fault import ViewFaults

NOON = datetime(2026, 3, 14, 4, tzinfo=UTC)


def test_each_change_is_one_object_and_one_line() -> None:
    faults = ViewFaults(ZoneInfo("Asia/Shanghai"))
    changed, blank = ViewFault.CHANGED, ViewFault.BLANK
    told = [
        (dict(news.document), news.line)
        for fault in (None, blank, blank, None, blank, changed, changed, None)
        for news in faults.news("gate", fault, NOON)
    ]
    assert [(document["fault"], document["state"]) for document, _ in told] == [
        (blank, "open"),
        (blank, "cleared"),
        (blank, "open"),
        (blank, "cleared"),
        (changed, "open"),
        (changed, "cleared"),
    ]
    document, line = told[0]
    assert document == {
        "camera": "gate",
        "fault": "view_blank",
        "state": "open",
        "time": "2026-03-14T12:00:00.000+08:00",
    }
    assert line.startswith("12:00:00 camera gate shows nothing")


def test_cameras_have_faults_of_their_own() -> None:
    faults = ViewFaults(UTC)
    assert len(list(faults.news("gate", ViewFault.BLANK, NOON))) == 1
    assert len(list(faults.news("square", ViewFault.BLANK, NOON))) == 1
    assert not list(faults.news("gate", ViewFault.BLANK, NOON))
