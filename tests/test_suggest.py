"""Suggestions for a photo."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cv.codes import EDITIONS, edition
from cv.detect.detector import Detection
from cv.geometry import Box
from cv.labels import LABELS
from cv.suggest import suggest

TABLE = edition(EDITIONS[0])


def see(label: str, score: float, size: float = 100) -> Detection:
    return Detection(label, score, Box(10, 10, 10 + size, 10 + size))


def codes(*detections: Detection) -> list[str]:
    return [s.code5 for s in suggest(detections, table=TABLE, width=1000, height=800)]


def test_a_stall_ranks_above_a_surer_car() -> None:
    assert codes(see("car", 0.95), see("street_stall", 0.6)) == ["09006", "09009"]


def test_one_suggestion_per_code_from_its_best_detection() -> None:
    made = suggest(
        [see("garbage_heap", 0.5), see("garbage_heap", 0.9)], table=TABLE, width=1000, height=800
    )
    assert [(s.code5, s.score) for s in made] == [("06010", 0.9)]


def test_a_photo_gets_at_most_three_suggestions() -> None:
    labels = ("street_stall", "storefront_goods", "construction_waste", "garbage_heap", "car")
    assert len(codes(*(see(label, 0.8) for label in labels))) == 3


def test_where_the_licence_decides_the_alternative_is_offered() -> None:
    (made,) = suggest([see("street_stall", 0.8)], table=TABLE, width=1000, height=800)
    assert "09001" in [other.code5 for other in made.alternatives]


def test_a_vehicle_says_why_it_is_uncertain() -> None:
    (made,) = suggest([see("car", 0.8)], table=TABLE, width=1000, height=800)
    assert made.note_en
    assert made.note_zh


def test_a_person_alone_suggests_nothing() -> None:
    assert codes(see("person", 0.99)) == []


def test_of_equals_the_larger_comes_first() -> None:
    assert codes(see("garbage_heap", 0.8, 50), see("construction_waste", 0.8, 300))[0] == "06011"


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.floats(0.05, 1)), max_size=30))
def test_the_order_of_detections_does_not_matter(pairs: list[tuple[str, float]]) -> None:
    seen = [see(label, score, 10 + i) for i, (label, score) in enumerate(pairs)]
    assert codes(*seen) == codes(*reversed(seen))
