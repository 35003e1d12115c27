"""Which points can be meant: on the globe, and not where phones are that do not know their place.

Zero degrees, zero degrees is what phones, cameras and forms without a fix say. There is only sea,
so no street is lost, and reports from all over a city do not meet there.
"""

from __future__ import annotations

__all__ = ["is_place"]


def is_place(lon: float, lat: float) -> bool:
    """Whether degrees of any coordinate system may be where somebody is."""
    return -180 <= lon <= 180 and -90 <= lat <= 90 and (lon, lat) != (0, 0)
