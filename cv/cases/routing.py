"""What a city's tables and map add to a case: who is responsible, until when, and where it is."""

from __future__ import annotations

from datetime import datetime

from cv.cases.parts import DeptPart, LimitPart, PlacePart
from cv.site import Place, Site
from cv.site.units import areas_of

__all__ = ["dept_of", "level_names", "limit_of"]

_LEVELS = (
    ("city", "city", 4),
    ("county", "county", 6),
    ("street", "street", 9),
    ("community", "community_name", 12),
)
"""The document's key, the map's, and how many digits of a code stand for the level."""


def dept_of(site: Site, code5: str, place: PlacePart) -> DeptPart | None:
    """The unit that the city's table has for a matter at a place, if it has one."""
    areas = areas_of(place.grid15, place.community12, place.division6)
    unit = site.routing.units.find(code5, areas)
    return DeptPart(code18=unit.code18, name=unit.name) if unit else None


def limit_of(site: Site, code5: str, filed: datetime) -> LimitPart | None:
    """The limit that the city's table has for a matter, if it has one.

    Args:
        filed: when it begins, aware.
    """
    routing = site.routing
    limit = routing.limits.find(code5)
    if limit is None:
        return None
    due = routing.clock.due(filed, limit, site.tz)
    return LimitPart(
        type=limit.kind,
        value=limit.value,
        text=limit.text,
        due=due.replace(microsecond=due.microsecond // 1000 * 1000),
        condition=limit.condition,
    )


def level_names(place: Place | None, community: str | None) -> dict[str, str | None]:
    """The names of city, county, street and community, by their keys in the document.

    Args:
        place: what the map says about the point.
        community: the code that the case goes by. Where that is another than the map's, only the
            levels that both are in have names.
    """
    here, written = place.community or "" if place else "", community or ""
    return {
        key: getattr(place, name) if place and here[:digits] == written[:digits] else None
        for key, name, digits in _LEVELS
    }
