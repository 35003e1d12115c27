"""GCJ-02, the shifted coordinates of Chinese maps and phones, to and from WGS-84.

The algorithm is not published officially. This is the widely used reconstruction of the leaked
code, described in "Restrictions on geographic data in China" (Wikipedia, GCJ-02) and implemented
alike by eviltransform, PRCoords and others; Krasovsky's ellipsoid of 1940 is its own choice.
Against real maps it is good to a metre or two. The libraries on PyPI were last released in 2018.
"""

from __future__ import annotations

from math import cos, pi, radians, sin, sqrt

__all__ = ["gcj02_to_wgs84", "in_china", "wgs84_to_gcj02"]

_AXIS_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_ROUNDS = 20
_ENOUGH = 1e-10


def in_china(lon: float, lat: float) -> bool:
    """Within the rectangle to which the shift is applied; borders are not looked at."""
    return 72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271


def wgs84_to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Degrees in, degrees out; outside China unchanged."""
    if not in_china(lon, lat):
        return lon, lat
    east, north = _shift(lon, lat)
    return lon + east, lat + north


def gcj02_to_wgs84(lon: float, lat: float) -> tuple[float, float]:
    """The inverse, to a tenth of a millimetre, by fixed-point iteration.

    The shift changes by less than a hundredth of the way moved, so each round gains two digits.
    """
    if not in_china(lon, lat):
        return lon, lat
    real_lon, real_lat = lon, lat
    for _ in range(_ROUNDS):
        east, north = _shift(real_lon, real_lat)
        step = max(abs(lon - east - real_lon), abs(lat - north - real_lat))
        real_lon, real_lat = lon - east, lat - north
        if step < _ENOUGH:
            break
    return real_lon, real_lat


def _shift(lon: float, lat: float) -> tuple[float, float]:
    """Degrees by which GCJ-02 lies east and north of a WGS-84 point."""
    x, y = lon - 105.0, lat - 35.0
    both = 20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    north_m += (2 / 3) * (
        both
        + 20 * sin(y * pi)
        + 40 * sin(y / 3 * pi)
        + 160 * sin(y / 12 * pi)
        + 320 * sin(y / 30 * pi)
    )
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    east_m += (2 / 3) * (
        both
        + 20 * sin(x * pi)
        + 40 * sin(x / 3 * pi)
        + 150 * sin(x / 12 * pi)
        + 300 * sin(x / 30 * pi)
    )
    flattening = 1 - _ECCENTRICITY_SQUARED * sin(radians(lat)) ** 2
    meridian_m = _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / flattening**1.5
    parallel_m = _AXIS_M / sqrt(flattening) * cos(radians(lat))
    return east_m / parallel_m * 180 / pi, north_m / meridian_m * 180 / pi
