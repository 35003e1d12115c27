"""The code tables: agreement between editions, and a code for everything that can be filed."""

from __future__ import annotations

import pytest

from cv.codes import EDITIONS, edition
from cv.errors import SiteError
from cv.labels import LABELS, PHOTO_MATTERS, ZONE_MATTERS, Matter, ZoneKind

NOW, BEFORE, OLD = (edition(ref) for ref in EDITIONS)
FILINGS = [
    (matter, label, kind) for kind, rows in ZONE_MATTERS.items() for label, matter in rows.items()
] + [(matter, label, None) for label, matter in PHOTO_MATTERS.items()]
NATIONAL = [code for code in NOW.codes.values() if code.legacy_2013]


def test_the_newest_edition_comes_first() -> None:
    assert EDITIONS == ("GB/T 47678.5-2026", "GB/T 30428.2-2013", "CJ/T 214-2007")
    assert [edition(ref).standard_ref for ref in EDITIONS] == list(EDITIONS)


@pytest.mark.parametrize("code", NATIONAL, ids=lambda code: code.code5)
def test_a_2026_code_is_the_2013_one_with_its_main_class_moved_up_by_five(code) -> None:
    main, sub = code.legacy_2013.split("-")
    assert code.code5 == f"{int(main) + 5:02}{int(sub):03}"
    assert code.legacy_2013 in BEFORE.codes


def test_every_national_2013_code_has_its_2026_counterpart() -> None:
    national = {code5 for code5, code in BEFORE.codes.items() if not code.is_local_extension}
    assert national == {code.legacy_2013 for code in NATIONAL}


def test_names_stayed_between_editions_but_for_one() -> None:
    renamed = {
        code.code5 for code in NATIONAL if BEFORE.codes[code.legacy_2013].name_zh != code.name_zh
    }
    assert renamed == {"06036"}


def test_2007_codes_name_2013_codes_that_exist() -> None:
    assert {code.legacy_2013 for code in OLD.codes.values()} <= set(BEFORE.codes)


@pytest.mark.parametrize("ref", EDITIONS)
@pytest.mark.parametrize(("matter", "label", "zone"), FILINGS)
def test_whatever_can_be_filed_has_a_code(ref, matter, label, zone) -> None:
    table = edition(ref)
    code = table.code(matter, label, zone)
    offered = [code.code5, *(other.code5 for other in code.alternatives)]
    assert set(offered) <= set(table.codes)
    assert len(offered) == len(set(offered))
    assert code.standard_ref == ref
    assert code.name_zh
    assert code.name_en


@pytest.mark.parametrize("ref", EDITIONS)
@pytest.mark.parametrize("matter", Matter)
def test_even_an_odd_blocker_gets_a_code(ref, matter) -> None:
    for label in LABELS:
        assert edition(ref).code(matter, label, None).code5


@pytest.mark.parametrize(
    ("matter", "label", "zone", "expected"),
    [
        ("blocked_lane", "car", "lane", ["09009"]),
        ("blocked_lane", "bus", "bike_lane", ["09009"]),
        ("blocked_lane", "truck", None, ["09009"]),
        ("blocked_lane", "bicycle", "lane", ["09010", "09011"]),
        ("blocked_lane", "motorcycle", "lane", ["09010", "09009"]),
        ("blocked_lane", "car", "fire_lane", ["09012", "09009"]),
        ("blocked_lane", "garbage_heap", "fire_lane", ["09012", "06011", "06036"]),
        ("blocked_lane", "cone", "lane", ["08002", "06040"]),
        ("roadside_vending", "street_stall", "no_vending", ["09006", "09001"]),
        ("out_of_store_vending", "storefront_goods", "frontage", ["09005", "09006"]),
        ("construction_waste", "construction_waste", "lane", ["06011", "08005", "08006", "06036"]),
        ("exposed_garbage", "garbage_heap", "no_dumping", ["06010", "06042", "06011"]),
    ],
)
def test_label_and_zone_choose_the_code_of_2026_and_its_alternatives(
    matter, label, zone, expected
) -> None:
    code = NOW.code(Matter(matter), label, ZoneKind(zone) if zone else None)
    assert [code.code5, *(other.code5 for other in code.alternatives)] == expected


def test_a_blocked_fire_lane_is_a_local_extension_in_2013_and_an_ordinary_blocker_in_2007() -> None:
    now, before, old = (
        table.code(Matter.BLOCKED_LANE, "car", ZoneKind.FIRE_LANE) for table in (NOW, BEFORE, OLD)
    )
    assert (now.code5, now.is_local_extension, now.legacy_2013) == ("09012", False, None)
    assert (before.code5, before.is_local_extension) == ("04-96", True)
    assert (old.code5, old.name_zh) == ("05-05", "机动车乱停放")


def test_the_full_code_has_eleven_digits_and_exists_since_2026() -> None:
    goods = (Matter.OUT_OF_STORE_VENDING, "storefront_goods", ZoneKind.FRONTAGE)
    assert NOW.code(*goods).code11("421002") == "42100209005"
    assert NOW.code(*goods).code11(None) is None
    assert BEFORE.code(*goods).code11("421002") is None


def test_an_unknown_edition_names_those_that_there_are() -> None:
    with pytest.raises(SiteError, match=r"choose GB/T 47678\.5-2026, .*did you mean 'GB/T 30428"):
        edition("GB/T 30428.2-2031")


@pytest.mark.parametrize("ref", EDITIONS)
def test_every_code_belongs_to_a_main_class(ref) -> None:
    table = edition(ref)
    assert {code5[:2] for code5 in table.codes} == set(table.classes)
    assert table.main_class(table.code(Matter.BLOCKED_LANE, "car", None)).name_zh == "街面秩序"


@pytest.mark.parametrize("ref", EDITIONS)
def test_whatever_can_be_filed_can_be_reported_under_its_code(ref) -> None:
    table = edition(ref)
    filed = table.filed()
    for matter, label, zone in FILINGS:
        code = table.code(matter, label, zone)
        assert {code.code5, *(other.code5 for other in code.alternatives)} <= set(filed)
    assert {matter for matter, _ in filed.values()} == set(Matter)
    assert all(code.code5 == code5 for code5, (_, code) in filed.items())


def test_a_code_is_of_the_matter_that_it_is_typical_of() -> None:
    filed = NOW.filed()
    assert filed["06011"][0] == Matter.CONSTRUCTION_WASTE
    assert filed["09006"][0] == Matter.ROADSIDE_VENDING
    assert filed["09001"][0] == Matter.ROADSIDE_VENDING
    assert filed["06036"][0] == Matter.CONSTRUCTION_WASTE
    assert "07001" not in filed
