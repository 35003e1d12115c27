"""Which rule holds for a label in a zone: built-in, then the site's, then the zone's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.labels import LABELS, ZONE_MATTERS, ZoneKind
from cv.site import Zone, default_site, load_site
from cv.site.rules import DEFAULT_RULES, RuleChange, default_rule, effective_rule
from cv.site.schedule import Schedule

PAIRS = [(kind, label) for kind, rows in ZONE_MATTERS.items() for label in rows]


@pytest.mark.parametrize(("kind", "label"), PAIRS)
def test_exactly_one_row_fits_whatever_makes_a_matter(kind, label) -> None:
    assert len([row for row in DEFAULT_RULES if row.fits(kind, label)]) == 1


@pytest.mark.parametrize("row", DEFAULT_RULES, ids=lambda row: f"{row.kinds}:{row.labels}")
def test_each_row_is_of_use_sane_and_has_its_reason(row) -> None:
    covered = [
        (ZoneKind(kind), label) for kind in row.kinds.split() for label in row.labels.split()
    ]
    assert set(covered) <= set(PAIRS)
    assert row.dwell_s > 0
    assert row.clear_s > 0
    assert 0 < row.overlap <= 1
    assert 0 < row.presence <= 1
    assert len(row.reason) > 10


@pytest.mark.parametrize("kind", ZoneKind)
@pytest.mark.parametrize("label", LABELS)
def test_no_matter_no_rule(kind, label) -> None:
    assert (default_rule(kind, label) is None) == ((kind, label) not in PAIRS)


@pytest.mark.parametrize(
    ("kind", "label", "dwell", "clear", "presence"),
    [
        ("frontage", "storefront_goods", 180, 600, 0.6),
        ("no_vending", "street_stall", 180, 600, 0.6),
        ("lane", "car", 300, 600, 0.6),
        ("bike_lane", "truck", 300, 600, 0.6),
        ("fire_lane", "car", 60, 300, 0.6),
        ("fire_lane", "garbage_heap", 60, 300, 0.6),
        ("no_dumping", "construction_waste", 1800, 1800, 0.5),
        ("lane", "garbage_heap", 1800, 1800, 0.5),
    ],
)
def test_the_defaults_are_those_of_the_trade(kind, label, dwell, clear, presence) -> None:
    rule = default_rule(ZoneKind(kind), label)
    assert (rule.id, rule.dwell_s) == (f"{kind}/{label}", dwell)
    assert (rule.clear_s, rule.presence) == (clear, presence)
    assert str(rule.active) == "always"


TEXT = """\
[[cameras]]
id = "gate"
[[cameras.zones]]
id = "plain"
kind = "lane"
polygon = [[0, 0], [1, 0], [1, 1]]
[[cameras.zones]]
id = "own"
kind = "lane"
polygon = [[0, 0], [1, 0], [1, 1]]
dwell = 7
active = "Sat,Sun"
[[cameras.zones]]
id = "again"
kind = "lane"
polygon = [[0, 0], [1, 0], [1, 1]]
enabled = true
[[cameras.zones]]
id = "off"
kind = "lane"
polygon = [[0, 0], [1, 0], [1, 1]]
enabled = false

[[rules]]
zone = "lane"
labels = ["car", "truck"]
dwell = "2m"
overlap = 0.3
[[rules]]
zone = "lane"
labels = ["car"]
presence = 0.9
clear = "1h"
[[rules]]
zone = "lane"
labels = ["bus"]
enabled = false
"""


@pytest.fixture
def rule(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(TEXT)
    site = load_site(path)
    zones = {zone.id: zone for zone in site.camera("gate").zones}
    return lambda zone, label: site.rule(zones[zone], label)


def test_site_rules_change_the_built_in_one_in_order(rule) -> None:
    car, truck = rule("plain", "car"), rule("plain", "truck")
    assert (car.id, car.dwell_s, car.overlap) == ("site:rules[1]", 120, 0.3)
    assert (car.presence, car.clear_s) == (0.9, 3600)
    assert (truck.id, truck.dwell_s, truck.presence) == ("site:rules[0]", 120, 0.6)
    assert rule("plain", "cone") == default_rule(ZoneKind.LANE, "cone")


def test_a_zones_own_keys_win_for_every_label_in_it(rule) -> None:
    car, cone = rule("own", "car"), rule("own", "cone")
    assert (car.id, car.dwell_s, car.overlap) == ("gate/own", 7, 0.3)
    assert (cone.id, cone.dwell_s, cone.overlap) == ("gate/own", 7, 0.5)
    assert str(car.active) == str(cone.active) == "Sat-Sun"


def test_a_rule_can_be_switched_off_and_for_one_zone_on_again(rule) -> None:
    assert rule("plain", "bus") is None
    assert rule("off", "car") is None
    assert rule("again", "bus").id == "gate/again"
    assert rule("plain", "person") is None


def test_a_zone_made_by_hand_has_the_built_in_rules() -> None:
    zone = Zone("z", "Z", ZoneKind.FIRE_LANE, ((0, 0), (1, 0), (1, 1)))
    assert default_site().rule(zone, "car").dwell_s == 60


shares = st.none() | st.floats(0.01, 1)
changes = st.builds(
    RuleChange,
    origin=st.sampled_from(["a", "b"]),
    dwell_s=st.none() | st.floats(1, 1e5),
    overlap=shares,
    presence=shares,
    active=st.none() | st.just(Schedule.parse(["Mon"])),
    enabled=st.none() | st.booleans(),
)


@given(st.sampled_from(PAIRS), st.lists(changes, max_size=4))
def test_each_value_is_that_of_the_last_change_that_names_it(pair, made) -> None:
    rule, start = effective_rule(*pair, made), default_rule(*pair)
    switches = [change.enabled for change in made if change.enabled is not None]
    if switches and not switches[-1]:
        assert rule is None
        return
    for name in ("dwell_s", "overlap", "presence", "active"):
        named = [value for change in made if (value := getattr(change, name)) is not None]
        assert getattr(rule, name) == (named[-1] if named else getattr(start, name))
    assert rule.id == (made[-1].origin if made else start.id)
