"""What the model sees (labels), what a city files (matters), and the table that joins them.

The detector learns appearance only. What a still object of some label means follows from the kind
of zone it stands in: `ZONE_MATTERS`. For a photo without zones, `PHOTO_MATTERS` gives suggestions.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "LABELS",
    "LABEL_NAMES_ZH",
    "PHOTO_MATTERS",
    "TWO_WHEELERS",
    "VEHICLES",
    "ZONE_MATTERS",
    "Matter",
    "ZoneKind",
    "matter_for",
    "matters_of",
]

LABELS: tuple[str, ...] = (
    "street_stall",
    "storefront_goods",
    "construction_waste",
    "garbage_heap",
    "person",
    "bicycle",
    "motorcycle",
    "tricycle",
    "car",
    "truck",
    "bus",
    "cone",
    "barrier",
)
"""Label names in the order of their ids, 0-12."""

LABEL_NAMES_ZH: dict[str, str] = dict(
    zip(
        LABELS,
        (
            "摊位",
            "门前物品",
            "建筑垃圾",
            "垃圾堆",
            "人",
            "自行车",
            "摩托车/电动车",
            "三轮车",
            "汽车",
            "货车",
            "客车",
            "锥桶",
            "围挡",
        ),
        strict=True,
    )
)

VEHICLES = frozenset({"car", "truck", "bus"})
TWO_WHEELERS = frozenset({"bicycle", "motorcycle", "tricycle"})
_WORKS = frozenset({"cone", "barrier"})
_GOODS = frozenset({"street_stall", "storefront_goods"})


class Matter(StrEnum):
    """What a city can file."""

    OUT_OF_STORE_VENDING = "out_of_store_vending"
    ROADSIDE_VENDING = "roadside_vending"
    CONSTRUCTION_WASTE = "construction_waste"
    EXPOSED_GARBAGE = "exposed_garbage"
    BLOCKED_LANE = "blocked_lane"


class ZoneKind(StrEnum):
    """What a polygon in a camera's view stands for."""

    FRONTAGE = "frontage"
    NO_VENDING = "no_vending"
    LANE = "lane"
    FIRE_LANE = "fire_lane"
    BIKE_LANE = "bike_lane"
    NO_DUMPING = "no_dumping"
    IGNORE = "ignore"


def _rows(labels: frozenset[str], matter: Matter) -> dict[str, Matter]:
    return dict.fromkeys(sorted(labels), matter)


_WASTE: dict[str, Matter] = {
    "construction_waste": Matter.CONSTRUCTION_WASTE,
    "garbage_heap": Matter.EXPOSED_GARBAGE,
}
_VENDING = _rows(_GOODS, Matter.ROADSIDE_VENDING)

ZONE_MATTERS: dict[ZoneKind, dict[str, Matter]] = {
    # As officers judge it: goods before a shop belong to the shop; with no shop they are
    # somebody's stall.
    ZoneKind.FRONTAGE: _rows(_GOODS, Matter.OUT_OF_STORE_VENDING) | _WASTE,
    ZoneKind.NO_VENDING: _VENDING | _WASTE,
    ZoneKind.LANE: _rows(VEHICLES | TWO_WHEELERS | _WORKS, Matter.BLOCKED_LANE) | _VENDING | _WASTE,
    # Whatever stands in a fire lane blocks it: one code (占用消防通道) for every blocker.
    ZoneKind.FIRE_LANE: _rows(
        VEHICLES | TWO_WHEELERS | _WORKS | _GOODS | frozenset(_WASTE), Matter.BLOCKED_LANE
    ),
    # Bicycles, motorcycles and tricycles are what a bike lane is for, and queue there at red
    # lights; they block it only when parked, which a look cannot tell. Left out on purpose.
    ZoneKind.BIKE_LANE: _rows(VEHICLES | _WORKS, Matter.BLOCKED_LANE) | _VENDING | _WASTE,
    ZoneKind.NO_DUMPING: dict(_WASTE),
    ZoneKind.IGNORE: {},
}

PHOTO_MATTERS: dict[str, Matter] = {
    "street_stall": Matter.ROADSIDE_VENDING,
    "storefront_goods": Matter.OUT_OF_STORE_VENDING,
    **_WASTE,
    **_rows(VEHICLES | TWO_WHEELERS | _WORKS, Matter.BLOCKED_LANE),
}
"""Suggestions for a citizen's photo, which has no zones. A person decides."""


def matter_for(label: str, zone: ZoneKind) -> Matter | None:
    """The matter that a still object of this label makes in a zone of this kind, or None."""
    return ZONE_MATTERS[zone].get(label)


def matters_of(label: str) -> tuple[Matter, ...]:
    """Every matter that a label can lead to, in some zone or in a photo; in `Matter`'s order."""
    tables = (*ZONE_MATTERS.values(), PHOTO_MATTERS)
    found = {table[label] for table in tables if label in table}
    return tuple(matter for matter in Matter if matter in found)
