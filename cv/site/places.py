"""Which community and grid a point lies in, from a GeoJSON file of the city."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, hypot, radians, sin, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import Point, STRtree
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from cv.errors import SiteError

__all__ = ["Area", "Place", "Places", "degrees_around", "metres_between", "metres_per_degree"]

NEAREST_LIMIT_M = 1000.0
"""A point further than this from every area lies in none: the map is of somewhere else."""

_CODE_DIGITS = {"community": 12, "grid": 15}
_GEOGRAPHIC = re.compile(r"CRS84|EPSG:{1,2}(?:[\d.]*:)?(?:4326|4490)$", re.IGNORECASE)
_SURFACES = ("Polygon", "MultiPolygon")
_AXIS_M = 6378137.0
_ECCENTRICITY_SQUARED = 0.00669437999014
_POLES = 89.9


@dataclass(frozen=True, slots=True)
class Area:
    """One polygon of the map: a community or a grid.

    Attributes:
        community, grid: codes of 12 and 15 digits.
        name: what people call it.
        community_name, street, county, city: what the levels over it are called.
    """

    community: str | None
    grid: str | None
    name: str | None
    street: str | None
    community_name: str | None = None
    county: str | None = None
    city: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point lies.

    Attributes:
        distance_m: 0 inside; else how far outside the nearest area the point is.
        community_name, street, county, city: what the levels are called, as far as the map says.
    """

    community: str | None
    grid: str | None
    name: str | None
    street: str | None
    distance_m: float = 0.0
    community_name: str | None = None
    county: str | None = None
    city: str | None = None


class Places:
    """Areas to look points up in.

    Args:
        areas: what each polygon stands for.
        shapes: polygons in degrees of longitude and latitude (CGCS2000 or WGS-84).
    """

    def __init__(self, areas: Sequence[Area], shapes: Sequence[BaseGeometry]) -> None:
        self._areas = tuple(areas)
        self._shapes = tuple(shapes)
        self._tree = STRtree(self._shapes)

    def __len__(self) -> int:
        return len(self._areas)

    @classmethod
    def load(cls, path: Path) -> Places:
        """Read a GeoJSON FeatureCollection of polygons.

        Properties used: `community` (12 digits), `grid` (15 digits), `name`, `community_name`,
        `street`, `county`, `city`; features with neither code are left out. The name of an area
        without a grid is its community's.

        Raises:
            SiteError: no such file, no GeoJSON, no codes, a grid of another community than the one
                beside it, or coordinates that are not degrees.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise SiteError(f"{path}: {error.strerror or 'cannot be read'}") from None
        except UnicodeDecodeError:
            raise SiteError(f"{path}: is not UTF-8 text; save the map as UTF-8") from None
        except (ValueError, RecursionError):
            raise SiteError(f"{path}: is not JSON") from None
        features = data.get("features") if isinstance(data, dict) else None
        if not isinstance(features, list):
            raise SiteError(f"{path}: is no GeoJSON FeatureCollection")
        _check_reference_system(data, path)
        found = [_feature(feature, f"{path}: features[{i}]") for i, feature in enumerate(features)]
        kept = [pair for pair in found if pair is not None]
        if not kept:
            raise SiteError(f"{path}: no polygon has a community (12 digits) or grid (15 digits)")
        return cls([area for area, _ in kept], [polygon for _, polygon in kept])

    def find(self, lon: float, lat: float) -> Place | None:
        """The community and grid at a point, else the nearest within `NEAREST_LIMIT_M`.

        Where areas overlap, the smallest counts. A grid's first twelve digits are its community.

        Args:
            lon, lat: degrees, CGCS2000 or WGS-84.
        """
        inside = [int(i) for i in self._tree.query(Point(lon, lat), predicate="intersects")]
        if inside:
            inside.sort(key=lambda i: (self._shapes[i].area, i))
            return _merged([self._areas[i] for i in inside])
        nearest, distance_m = self.nearest(lon, lat)
        if distance_m > NEAREST_LIMIT_M:
            return None
        return replace(_merged([nearest]), distance_m=distance_m)

    def nearest(self, lon: float, lat: float) -> tuple[Area, float]:
        """The area nearest to a point, and the metres to its edge."""
        scale = np.array(metres_per_degree(lat))
        here = np.array([lon, lat])
        shapes = shapely.transform(np.array(self._shapes), lambda points: (points - here) * scale)
        distances = shapely.distance(shapes, Point(0, 0))
        index = int(np.argmin(distances))
        return self._areas[index], float(distances[index])


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Metres in a degree of longitude and of latitude on the WGS-84 ellipsoid.

    From the radii of curvature in the prime vertical and the meridian (Snyder, Map Projections:
    A Working Manual, 1987, 4-18 and 4-20).
    """
    bend = 1 - _ECCENTRICITY_SQUARED * sin(radians(lat)) ** 2
    vertical_m = _AXIS_M / sqrt(bend)
    meridian_m = _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / bend**1.5
    return radians(vertical_m * cos(radians(lat))), radians(meridian_m)


def metres_between(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Along the ground, for places a few kilometres apart at most."""
    east_m, north_m = metres_per_degree(max(-_POLES, min(_POLES, lat)))
    east = (other_lon - lon + 180) % 360 - 180
    return hypot(east * east_m, (other_lat - lat) * north_m)


def degrees_around(lon: float, lat: float, metres: float) -> tuple[float, float, float, float]:
    """West, south, east, north of all that is within some metres of a point."""
    east_m, north_m = metres_per_degree(max(-_POLES, min(_POLES, lat)))
    wide, high = metres / east_m, metres / north_m
    return lon - wide, lat - high, lon + wide, lat + high


def _merged(areas: Sequence[Area]) -> Place:
    """What the areas say together, each value from the first that has it."""

    def first(key: str) -> str | None:
        return next((value for area in areas if (value := getattr(area, key))), None)

    grid, community = first("grid"), first("community")
    return Place(
        community=community or (grid[:12] if grid else None),
        grid=grid,
        name=first("name"),
        street=first("street"),
        community_name=first("community_name"),
        county=first("county"),
        city=first("city"),
    )


def _check_reference_system(data: dict[str, Any], path: Path) -> None:
    """RFC 7946 has WGS-84 only; older files name their system in `crs`."""
    try:
        name = data["crs"]["properties"]["name"]
    except (KeyError, TypeError):
        return
    if not _GEOGRAPHIC.search(str(name)):
        raise SiteError(
            f"{path}: crs {str(name)[:60]!r} is not degrees of CGCS2000 (EPSG:4490) or WGS-84"
        )


def _feature(feature: object, where: str) -> tuple[Area, BaseGeometry] | None:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(feature, dict) or not isinstance(properties, dict):
        return None
    codes = {key: _code(properties.get(key), key, where) for key in _CODE_DIGITS}
    if not any(codes.values()):
        return None
    community, grid = codes["community"], codes["grid"]
    if community and grid and not grid.startswith(community):
        raise SiteError(
            f"{where}.properties.grid: {grid} does not begin with its community, {community}"
        )
    keys = ("name", "street", "community_name", "county", "city")
    names = {key: _text(properties.get(key)) for key in keys}
    if grid is None:
        names["community_name"] = names["community_name"] or names["name"]
    return Area(**codes, **names), _surface(feature.get("geometry"), where)


def _code(value: object, key: str, where: str) -> str | None:
    if value in (None, ""):
        return None
    digits, code = _CODE_DIGITS[key], str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(rf"[0-9]{{{digits}}}", code):
        raise SiteError(f"{where}.properties.{key}: {code[:40]!r} is not {digits} digits")
    return code


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    printable = "".join(c if c.isprintable() else " " for c in value)
    return " ".join(printable.split())[:100] or None


def _surface(geometry: object, where: str) -> BaseGeometry:
    """A Polygon or MultiPolygon; rings that touch or cross themselves are mended."""
    if not isinstance(geometry, dict) or geometry.get("type") not in _SURFACES:
        raise SiteError(f"{where}.geometry: must be a Polygon or MultiPolygon")
    try:
        surface = shapely.make_valid(shapely.force_2d(shape(geometry)))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, ShapelyError):
        raise SiteError(f"{where}.geometry: its coordinates are no polygon") from None
    if not surface.area > 0:
        raise SiteError(f"{where}.geometry: its coordinates are no polygon")
    west, south, east, north = surface.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise SiteError(f"{where}.geometry: must be degrees of longitude and latitude")
    return surface
