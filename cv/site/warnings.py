"""What a site file may say but seldom means, and what was looked up for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from shapely import Polygon

from cv.codes import Code
from cv.durations import format_duration
from cv.labels import ZONE_MATTERS, Matter, ZoneKind
from cv.site.errors import Problem
from cv.site.file import TARGETS_WITH_LINKS, TARGETS_WITH_URL
from cv.site.model import Camera, Reporting, Site
from cv.site.places import Place, Places
from cv.site.receivers import SECRET_VARIABLE, Gat1400, Mqtt, Open311, Roundup, Webhook
from cv.site.toml_lines import KeyPath
from cv.site.units import areas_of

__all__ = ["warnings_of"]

_LEAST_OVERLAP = 0.05
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Receiver = Webhook | Roundup | Open311 | Gat1400 | Mqtt


def warnings_of(
    site: Site, data: Mapping[str, Any], variables: Mapping[str, str]
) -> Iterator[Problem]:
    """Things to look at again, in a site that is otherwise in order.

    Args:
        data: the file as written.
        variables: of the environment.
    """
    if not site.cameras:
        yield Problem((), "no cameras; add [[cameras]]")
    yield from _passwords(data)
    yield from _twice(data.get("cameras", []))
    for i, camera in enumerate(site.cameras):
        path: KeyPath = ("cameras", i)
        written = data["cameras"][i]
        yield from _place(path, camera, written, site.places)
        yield from _zones((*path, "zones"), camera)
        yield from _too_short((*path, "zones"), camera, site)
    yield from _reporting(site.reporting, variables)
    yield from _unserved(site)
    yield from _without_event(site)
    yield from _unrouted(site, data.get("routing", {}))
    kinds = {zone.kind for camera in site.cameras for zone in camera.zones}
    for i, rule in enumerate(site.rules):
        if rule.zone not in kinds:
            yield Problem(("rules", i, "zone"), f"no camera has a {rule.zone} zone")


def _passwords(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Secrets that whoever may read the file has."""
    reporting: Mapping[str, Any] = data.get("reporting", {})
    urls: list[tuple[KeyPath, str]] = [
        (("cameras", i, key), camera.get(key, ""))
        for i, camera in enumerate(data.get("cameras", []))
        for key in ("url", "sub_url")
    ]
    urls += [
        (("reporting", name, "url"), reporting[name]["url"])
        for name in TARGETS_WITH_URL
        if name in reporting
    ]
    for path, url in urls:
        if _shows_password(url):
            yield Problem(path, "holds a password; write ${NAME} and set it outside")
    if _shows_password(reporting.get("database", "")):
        text = "holds a password; leave it out, and set PGPASSWORD or PGPASSFILE outside"
        yield Problem(("reporting", "database"), text)


def _twice(cameras: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """What was copied from another camera and not changed."""
    first: dict[str, int] = {}
    for i, camera in enumerate(cameras):
        for key in ("url", "sub_url", "gb_id"):
            value = camera.get(key, "")
            if value and first.setdefault(value, i) != i:
                other = cameras[first[value]]["id"]
                text = f"is camera {other}'s too; two cameras show two streets"
                yield Problem(("cameras", i, key), text)


def _shows_password(url: str) -> bool:
    """Whether the URL as written, before ${NAME} is replaced, has a password in it."""
    authority = url.partition("://")[2].partition("/")[0]
    password = authority.rpartition("@")[0].partition(":")[2]
    return bool(password) and "${" not in password


def _place(
    path: KeyPath, camera: Camera, written: Mapping[str, Any], places: Places | None
) -> Iterator[Problem]:
    if camera.lon is None or camera.lat is None:
        if not (camera.address or camera.community or camera.grid):
            yield Problem(path, "has no place; write lon and lat, or address and community")
        return
    if places is None:
        return
    place = camera.place
    if place is None:
        area, distance_m = places.nearest(camera.lon, camera.lat)
        name = area.name or area.community or area.grid
        away = f"{distance_m / 1000:.1f} km away"
        yield Problem(path, f"lies outside the map; the nearest area is {name}, {away}")
        return
    if place.distance_m:
        yield Problem(path, f"lies {place.distance_m:.0f} m outside the nearest area of the map")
    yield from _looked_up(path, camera, written, place)


def _looked_up(
    path: KeyPath, camera: Camera, written: Mapping[str, Any], place: Place
) -> Iterator[Problem]:
    name = f" ({place.name})" if place.name else ""
    found = [
        f"{key} {getattr(camera, key)}"
        for key in ("community", "grid")
        if key not in written and getattr(camera, key)
    ]
    if found:
        yield Problem(path, f"{' and '.join(found)} looked up on the map{name}")
    for key in ("community", "grid"):
        here = getattr(place, key)
        if key in written and here and here != written[key]:
            yield Problem((*path, key), f"the map has {here}{name} at this point")


def _zones(path: KeyPath, camera: Camera) -> Iterator[Problem]:
    if not any(zone.kind is not ZoneKind.IGNORE for zone in camera.zones):
        yield Problem(path, f"camera {camera.id} has no zones, so it reports nothing")
    shapes = [
        (i, zone, Polygon(zone.polygon))
        for i, zone in enumerate(camera.zones)
        if zone.kind is not ZoneKind.IGNORE
    ]
    for (_, first, a), (i, second, b) in combinations(shapes, 2):
        share = a.intersection(b).area / min(a.area, b.area)
        if share > _LEAST_OVERLAP:
            yield Problem(
                (*path, i, "polygon"),
                f"overlaps zone '{first.id}' by {share:.0%}; "
                f"what stands in both is reported for one of '{first.id}' and '{second.id}'",
            )


def _too_short(path: KeyPath, camera: Camera, site: Site) -> Iterator[Problem]:
    """Rules whose hours are over before anything has stood there for long enough."""
    for i, zone in enumerate(camera.zones):
        labels: dict[tuple[float, float], list[str]] = {}
        for label in ZONE_MATTERS[zone.kind]:
            rule = site.rule(zone, label)
            if rule and rule.active.longest_s <= rule.dwell_s:
                labels.setdefault((rule.dwell_s, rule.active.longest_s), []).append(label)
        for (dwell_s, longest_s), unseen in labels.items():
            hours, dwell = format_duration(longest_s), format_duration(dwell_s)
            why = f"active for {hours} at most, and dwell is {dwell}"
            yield Problem((*path, i), f"never reports {', '.join(unseen)}: {why}")


def _reporting(reporting: Reporting, variables: Mapping[str, str]) -> Iterator[Problem]:
    path: KeyPath = ("reporting",)
    if not reporting.targets:
        yield Problem((*path, "targets"), "is empty; cases stay in the data folder")
    for name in TARGETS_WITH_URL:
        settings = getattr(reporting, name)
        if settings is not None:
            yield from _receiver((*path, name), settings, name in reporting.targets, variables)
    for name in TARGETS_WITH_LINKS:
        if name not in reporting.targets:
            continue
        cannot = f"is not set, so the {name}'s receiver cannot fetch evidence"
        if reporting.public_url is None:
            yield Problem((*path, "public_url"), cannot)
        elif SECRET_VARIABLE not in variables:
            yield Problem((*path, "public_url"), f"signs no links: {SECRET_VARIABLE} {cannot}")


def _unserved(site: Site) -> Iterator[Problem]:
    """Matters that can come up here and that no service of the Open311 endpoint is for."""
    reporting = site.reporting
    if reporting.open311 is None or "open311" not in reporting.targets:
        return
    possible = {matter for _, matter, _ in _possible(site)}
    missing = possible - reporting.never - set(reporting.open311.services)
    if missing:
        text = f"has no {', '.join(sorted(missing))}; such cases become dead letters"
        yield Problem(("reporting", "open311", "services"), text)


def _without_event(site: Site) -> Iterator[Problem]:
    """Codes that can come up here and have no EventSort at the view library."""
    gat1400 = site.reporting.gat1400
    if gat1400 is None or "gat1400" not in site.reporting.targets:
        return
    codes = dict.fromkeys(code for _, _, code in _possible(site))
    missing = [f"{c.code5} {c.name_zh}" for c in codes if c.code5 not in gat1400.events]
    if missing:
        text = f"has no {', '.join(missing)}; their pictures go without an EventSort"
        yield Problem(("reporting", "gat1400", "events"), text)


def _possible(site: Site) -> Iterator[tuple[Camera, Matter, Code]]:
    """What can come up at each camera: the matter and its code."""
    for camera in site.cameras:
        for zone in camera.zones:
            for label, matter in ZONE_MATTERS[zone.kind].items():
                if site.rule(zone, label):
                    yield camera, matter, site.codes.code(matter, label, zone.kind)


def _unrouted(site: Site, written: Mapping[str, Any]) -> Iterator[Problem]:
    """Codes that can come up and that the city's tables, if there are any, do not have.

    Args:
        written: the table [routing]. One that it names may have no row that is of any use.
    """
    routing = site.routing
    without_unit: dict[Code, dict[str, None]] = {}
    without_limit: dict[Code, None] = {}
    for camera, _, code in _possible(site):
        areas = areas_of(camera.grid, camera.community, site.division)
        if routing.units.find(code.code5, areas) is None:
            without_unit.setdefault(code, {})[camera.id] = None
        if routing.limits.find(code.code5) is None:
            without_limit[code] = None
    for code, cameras in without_unit.items() if "units" in written else ():
        first, more = next(iter(cameras)), len(cameras) - 1
        where = f"camera {first}" + (f" and {more} more" if more else "")
        yield Problem(("routing", "units"), f"no unit for {code.code5} {code.name_zh} at {where}")
    if without_limit and "limits" in written:
        codes = ", ".join(f"{code.code5} {code.name_zh}" for code in without_limit)
        yield Problem(("routing", "limits"), f"no limit for {codes}")


def _receiver(
    path: KeyPath, settings: Receiver, is_target: bool, variables: Mapping[str, str]
) -> Iterator[Problem]:
    if not is_target:
        yield Problem(path, "is not among the targets, so nothing is sent there")
        return
    if getattr(settings, "user", "") is not None and not variables.get(settings.secret_env):
        done = "signed" if path[-1] == "webhook" else "sent"
        missing = f"environment variable {settings.secret_env} is not set; nothing can be {done}"
        yield Problem((*path, "secret_env"), missing)
    url = urlsplit(settings.url)
    if url.scheme in ("http", "mqtt") and url.hostname not in _LOOPBACK:
        text = f"{url.scheme}:// sends cases unencrypted; use {url.scheme}s://"
        yield Problem((*path, "url"), text)
