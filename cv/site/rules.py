"""How long, how far inside and when: the built-in rules, and what a site file changes in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from cv.labels import ZONE_MATTERS, ZoneKind
from cv.site.schedule import ALWAYS, Schedule

__all__ = ["DEFAULT_RULES", "DefaultRule", "Rule", "RuleChange", "default_rule", "effective_rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """When a still object of one label in one zone becomes an incident.

    Attributes:
        id: where the rule comes from: `lane/car`, `site:rules[2]` or `gate/kerb`.
        dwell_s: seconds that it must stay.
        overlap: share of its footprint that must lie in the zone, 0..1.
        presence: share of the looks within the dwell that must have seen it, 0..1.
        clear_s: seconds that its place must be empty before the incident is over.
        active: when the rule applies, on the site's clock.
    """

    id: str
    dwell_s: float
    overlap: float
    presence: float
    clear_s: float
    active: Schedule = ALWAYS


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What the site file says about a rule; None leaves a value as it was.

    Attributes:
        origin: becomes the rule's id.
    """

    origin: str
    dwell_s: float | None = None
    overlap: float | None = None
    presence: float | None = None
    clear_s: float | None = None
    active: Schedule | None = None
    enabled: bool | None = None

    def apply(self, rule: Rule) -> Rule:
        changes = {
            name: value
            for name in ("dwell_s", "overlap", "presence", "clear_s", "active")
            if (value := getattr(self, name)) is not None
        }
        return replace(rule, id=self.origin, **changes)


class DefaultRule(NamedTuple):
    """One row: these labels in zones of these kinds (each separated by spaces), and why so."""

    kinds: str
    labels: str
    dwell_s: float
    overlap: float
    presence: float
    clear_s: float
    reason: str

    def fits(self, kind: ZoneKind, label: str) -> bool:
        return kind in self.kinds.split() and label in self.labels.split()


_LANES = "lane bike_lane"
_GROUND = "frontage no_vending lane bike_lane no_dumping"
_ANYTHING = (
    "car truck bus bicycle motorcycle tricycle cone barrier "
    "street_stall storefront_goods construction_waste garbage_heap"
)

DEFAULT_RULES: tuple[DefaultRule, ...] = (
    #           kinds                  labels                            dwell overl pres  clear
    DefaultRule("fire_lane",           _ANYTHING,                           60, 0.3,  0.6,   300,
        "A fire engine needs the whole width at once: a minute rules out passing, and a third of "
        "the footprint is in the way. Vendors' defaults are 40 s and 50 s. Cleared sooner, "
        "because the next blocker is a new case."),
    DefaultRule("lane",                "car",                              300, 0.5,  0.6,   600,
        "Five minutes is past dropping off, loading a bag and a red light; half of the footprint "
        "keeps cars out that are parked beside the lane."),
    DefaultRule("lane",                "truck bus",                        300, 0.4,  0.6,   600,
        "As cars; their boxes are tall and lean out of a polygon drawn on the ground."),
    DefaultRule("bike_lane",           "car",                              300, 0.3,  0.6,   600,
        "A bike lane is narrower than a car, so half of the footprint is never inside."),
    DefaultRule("bike_lane",           "truck bus",                        300, 0.25, 0.6,   600,
        "As cars, and wider."),
    DefaultRule("lane",                "bicycle motorcycle tricycle",      300, 0.6,  0.6,   600,
        "Small things fit the polygon well: more must be inside, so that those on the pavement's "
        "edge stay out."),
    DefaultRule(_LANES,                "cone barrier",                    1800, 0.5,  0.6,   600,
        "Set out for a delivery they go within minutes; works stay. The half hour is our guess."),
    DefaultRule("frontage no_vending", "street_stall",                     180, 0.4,  0.6,   600,
        "Three minutes is past a vendor who walks through; the umbrella is wider than the stand."),
    DefaultRule("frontage no_vending", "storefront_goods",                 180, 0.5,  0.6,   600,
        "As stalls; goods lie on the ground and fit the polygon, and half of them must be out."),
    DefaultRule(_LANES,                "street_stall storefront_goods",    180, 0.4,  0.6,   600,
        "As elsewhere; a stall at the kerb stands half on the pavement."),
    DefaultRule(_GROUND,               "construction_waste garbage_heap", 1800, 0.5,  0.5,  1800,
        "Filed only when it stays ('long piled up'): two sightings half an hour apart. Heaps are "
        "low and often hidden by passers-by, and nobody clears one in minutes."),
)  # fmt: skip
"""The built-in rules; dwell and clear are seconds.

Dwell follows vendors' documented defaults (Huawei VIAS, Hikvision) and what counties said to the
press (3-5 minutes); the rest is estimated, and the site file changes all of it.
"""


@cache
def default_rule(kind: ZoneKind, label: str) -> Rule | None:
    """The built-in rule for a label in a zone of a kind, or None where no matter follows."""
    if label not in ZONE_MATTERS[kind]:
        return None
    row = next(row for row in DEFAULT_RULES if row.fits(kind, label))
    return Rule(f"{kind}/{label}", row.dwell_s, row.overlap, row.presence, row.clear_s)


def effective_rule(kind: ZoneKind, label: str, changes: Iterable[RuleChange]) -> Rule | None:
    """The built-in rule with changes applied in order.

    Returns:
        None where no matter follows, or where the last change that says so disables the rule.
    """
    rule = default_rule(kind, label)
    if rule is None:
        return None
    enabled = True
    for change in changes:
        rule = change.apply(rule)
        enabled = enabled if change.enabled is None else change.enabled
    return rule if enabled else None
