from __future__ import annotations

import pytest

from cv.labels import LABEL_NAMES_ZH, LABELS, PHOTO_MATTERS, ZONE_MATTERS, ZoneKind, matter_for


def test_the_order_of_the_labels_is_the_contract_with_the_model() -> None:
    assert LABELS.index("street_stall") == 0
    assert LABELS.index("person") == 4
    assert LABELS.index("car") == 8
    assert LABELS.index("barrier") == len(LABELS) - 1 == 12
    assert set(LABEL_NAMES_ZH) == set(LABELS)


def test_every_zone_kind_has_a_row_of_known_labels() -> None:
    assert set(ZONE_MATTERS) == set(ZoneKind)
    for row in (*ZONE_MATTERS.values(), PHOTO_MATTERS):
        assert set(row) <= set(LABELS)


@pytest.mark.parametrize("kind", list(ZoneKind))
def test_a_person_is_never_a_matter(kind: ZoneKind) -> None:
    assert matter_for("person", kind) is None
    assert "person" not in PHOTO_MATTERS


@pytest.mark.parametrize(
    ("label", "kind", "matter"),
    [
        ("storefront_goods", ZoneKind.FRONTAGE, "out_of_store_vending"),
        ("street_stall", ZoneKind.NO_VENDING, "roadside_vending"),
        ("car", ZoneKind.LANE, "blocked_lane"),
        ("car", ZoneKind.FRONTAGE, None),
        ("street_stall", ZoneKind.FIRE_LANE, "blocked_lane"),
        ("bicycle", ZoneKind.BIKE_LANE, None),
        ("construction_waste", ZoneKind.NO_DUMPING, "construction_waste"),
        ("garbage_heap", ZoneKind.NO_DUMPING, "exposed_garbage"),
        ("car", ZoneKind.IGNORE, None),
    ],
)
def test_the_matter_follows_from_label_and_zone(
    label: str, kind: ZoneKind, matter: str | None
) -> None:
    assert matter_for(label, kind) == matter
