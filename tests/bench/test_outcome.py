"""Reports are paired with what happened, and every way to be wrong is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cv.bench.outcome import Faults, Happened, Outcome, Place, compared, summary
from cv.detect.incident import Incident
from cv.geometry import Box
from cv.labels import Matter
from cv.site.rules import Rule

START = datetime(2026, 3, 14, 8, tzinfo=UTC)
PLACE, BESIDE = Box(100, 100, 200, 200), Box(130, 100, 230, 200)
END = START + timedelta(hours=1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def incident(box: Box = PLACE, opened: float = 60, cleared: float | None = None) -> Incident:
    return Incident(
        id="kw-0123456789abcdef0123", state="open", matter=Matter.BLOCKED_LANE, label="car",
        camera="sim", zone="kerb", first_seen=START, confirmed_at=at(opened), last_seen=at(900),
        cleared_at=None if cleared is None else at(cleared), first_box=box, box=box, score=0.8,
        looks=300, hits=299, rule=Rule("test", 60, 0.5, 0.6, 120), size=(640, 480),
    )  # fmt: skip


TRUE = Happened(Matter.BLOCKED_LANE, "kerb", START, at(600), (Place(PLACE),))


def outcome(reported: list[Incident], *happened: Happened) -> Outcome:
    return compared("test", happened or (TRUE,), reported, Faults(), last=END, every_s=2.0)


def test_an_incident_in_time_is_found_and_exact() -> None:
    result = outcome([incident(opened=61, cleared=722)])
    assert (result.true, result.found, result.false, result.duplicates) == (1, 1, 0, 0)
    assert (result.open_delays_s, result.clear_delays_s) == ((1.0,), (2.0,))
    assert result.exact


def test_late_is_right_but_not_exact() -> None:
    result = outcome([incident(opened=65, cleared=720)])
    assert result.right
    assert not result.exact


def test_another_place_zone_or_matter_is_false() -> None:
    for wrong in (
        incident(Box(300, 100, 400, 200)),
        replace(incident(), zone="other"),
        replace(incident(), matter=Matter.EXPOSED_GARBAGE),
        replace(incident(), first_seen=at(700)),
    ):
        result = outcome([wrong])
        assert (result.found, result.false, result.right) == (0, 1, False)


def test_a_second_report_is_a_duplicate_and_a_neighbour_is_none() -> None:
    assert outcome([incident(), incident()]).duplicates == 1
    beside = replace(TRUE, places=(Place(BESIDE),))
    result = outcome([incident(), incident(BESIDE)], TRUE, beside)
    assert (result.found, result.duplicates) == (2, 0)


def test_a_place_counts_while_its_view_lasts() -> None:
    """The camera turns: what stood beside is where the other was."""
    far = Box(300, 100, 400, 200)
    moved = replace(TRUE, places=(Place(PLACE, until=at(300)), Place(far, since=at(301))))
    assert outcome([incident()], moved).found == 1
    assert outcome([incident(far)], moved).found == 1
    assert outcome([replace(incident(far), last_seen=at(200))], moved).false == 1


def test_what_is_uncertain_may_be_reported_and_need_not_be() -> None:
    uncertain = replace(TRUE, certain=False)
    for reported in ([], [incident(opened=100)]):
        result = outcome(reported, uncertain)
        assert (result.true, result.found, result.false, result.exact) == (0, 0, 0, True)


def test_never_cleared_and_cleared_though_it_stands_are_endless_delays() -> None:
    assert outcome([incident()]).clear_delays_s == (float("inf"),)
    standing = replace(TRUE, end=None)
    assert outcome([incident(cleared=800)], standing).clear_delays_s == (float("-inf"),)
    assert outcome([incident()], standing).clear_delays_s == ()


def test_a_summary_adds_up_and_keeps_the_largest_delay() -> None:
    both = summary([outcome([incident(opened=55, cleared=720)]), outcome([])])
    assert (both.precision, both.recall, both.scenarios) == (1, 0.5, 2)
    assert both.open_delay_s == -5


def test_a_turned_camera_that_nobody_noticed_is_wrong() -> None:
    missed = replace(outcome([incident(opened=61, cleared=722)]), faults=Faults(true=1))
    assert not missed.right
    assert not missed.exact


@pytest.mark.parametrize(
    ("true", "raised", "counts", "right"),
    [
        ("......", "......", (0, 0, 0), True),
        (".TTTT.", "...RR.", (1, 1, 0), True),
        (".TTTT...", "...RRR..", (1, 1, 0), True),  # it ends a look late
        (".TTTT.", "......", (1, 0, 0), False),
        ("......", "..RR..", (0, 0, 1), False),
        (".TTT..TTT.", "...R....R.", (2, 2, 0), True),
        (".TTT..TTT.", "...R......", (2, 1, 0), False),
        (".TTT......", "...R..RR..", (1, 1, 1), False),
        (".TT..", "..RRR", (1, 1, 0), False),  # it is left raised
        (".TTTT", "...RR", (1, 1, 0), True),  # the film ends before it turns back
    ],
)
def test_faults_against_when_the_camera_was_turned(
    true: str, raised: str, counts: tuple[int, int, int], right: bool
) -> None:
    faults = Faults()
    for turned, fault in zip(true, raised, strict=True):
        faults.look(raised=fault == "R", true=turned == "T")
    assert (faults.true, faults.found, faults.false) == counts
    assert faults.right == right
