"""Checks between the keys of a site file.

They read the tables as written, so that one bad value hides no other mistake; what has the wrong
type is passed over, since `cv.site.file` has told of it already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cv.codes import EDITIONS, edition
from cv.disk import parse_size
from cv.errors import UserError
from cv.gcj02 import in_china
from cv.labels import LABELS, ZONE_MATTERS, Matter, ZoneKind
from cv.site.errors import Problem, dotted, not_allowed, shown
from cv.site.file import TARGETS_WITH_URL, RuleKeys
from cv.site.toml_lines import KeyPath

__all__ = ["disagreements"]

Table = dict[str, Any]


def disagreements(data: Table) -> Iterator[Problem]:
    """Everything in the file that contradicts something else in it."""
    site = _table(data, "site")
    cameras = list(_tables(data, ("cameras",)))
    yield from _doubles(cameras)
    for path, camera in cameras:
        yield from _doubles(list(_tables(camera, (*path, "zones"))))
        yield from _point(path, camera)
        if "sub_url" in camera and "url" not in camera:
            yield Problem(
                (*path, "sub_url"), "needs url as well, which gives the pictures of cases"
            )
        yield from _codes(path, camera, site.get("division"))
    reporting = _table(data, "reporting")
    yield from _targets(reporting)
    yield from _disk(_table(data, "disk"))
    yield from _events(_table(reporting, "gat1400"), site.get("codes"))
    yield from _policies(list(_tables(reporting, ("reporting", "policies"))))
    for path, rule in _tables(data, ("rules",)):
        yield from _rule(path, rule)


def _table(data: Table, key: str) -> Table:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _tables(table: Table, path: KeyPath) -> Iterator[tuple[KeyPath, Table]]:
    """The tables in a list of tables, each with its path; the path's last part is the key."""
    value = table.get(str(path[-1]))
    for i, element in enumerate(value if isinstance(value, list) else []):
        if isinstance(element, dict):
            yield (*path, i), element


def _doubles(tables: list[tuple[KeyPath, Table]]) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for path, table in tables:
        name = table.get("id")
        if not isinstance(name, str):
            continue
        if name in first:
            yield Problem((*path, "id"), f"{shown(name)} is the id of {dotted(first[name])} too")
        first.setdefault(name, path)


def _point(path: KeyPath, camera: Table) -> Iterator[Problem]:
    for key, other in (("lon", "lat"), ("lat", "lon")):
        if key in camera and other not in camera:
            yield Problem((*path, key), f"needs {other} as well")
    lon, lat = camera.get("lon"), camera.get("lat")
    if camera.get("coord_sys") != "GCJ-02" or not all(type(v) in (int, float) for v in (lon, lat)):
        return
    if not in_china(lon, lat):  # type: ignore[arg-type]  # both are numbers, see above
        yield Problem((*path, "coord_sys"), "GCJ-02 is for places in China; choose WGS84")


def _codes(path: KeyPath, camera: Table, division: object) -> Iterator[Problem]:
    """The administrative codes are nested: a grid's begins with its community's, and so on."""
    community, grid = camera.get("community"), camera.get("grid")
    nested = (
        ("community", community, division, 6, "the site's division"),
        ("grid", grid, division, 6, "the site's division"),
        ("grid", grid, community, 12, "the camera's community"),
    )
    for key, inner, outer, digits, what in nested:
        if not isinstance(inner, str) or not isinstance(outer, str) or len(outer) != digits:
            continue
        if not inner.startswith(outer):
            yield Problem((*path, key), f"{shown(inner)} does not begin with {what} {shown(outer)}")


def _targets(reporting: Table) -> Iterator[Problem]:
    targets = reporting.get("targets")
    if not isinstance(targets, list):
        return
    for i, target in enumerate(targets):
        path = ("reporting", "targets", i)
        if target in targets[:i]:
            yield Problem(path, f"{shown(target)} is there twice")
        elif target in TARGETS_WITH_URL and target not in reporting:
            yield Problem(path, f"'{target}' needs a table [reporting.{target}] with its url")


def _disk(disk: Table) -> Iterator[Problem]:
    try:
        thin, none = (parse_size(disk[key]) for key in ("thin_below", "no_pictures_below"))
    except (KeyError, UserError):
        return
    if none > thin:
        text = "is more than thin_below; pictures are thinned before there are none"
        yield Problem(("disk", "no_pictures_below"), text)


def _events(gat1400: Table, codes: object) -> Iterator[Problem]:
    """The codes that have an EventSort are some of the site's edition."""
    table = edition(codes if codes in EDITIONS else EDITIONS[0])
    first: dict[str, str] = {}
    for written in _table(gat1400, "events"):
        path = ("reporting", "gat1400", "events", written)
        code = table.named(written)
        if code is None:
            yield Problem(path, not_allowed(written, list(table.codes)))
        elif code.code5 in first:
            yield Problem(path, f"is {code.code5}, which is there as {shown(first[code.code5])}")
        else:
            first[code.code5] = written


def _policies(policies: list[tuple[KeyPath, Table]]) -> Iterator[Problem]:
    first: dict[object, KeyPath] = {}
    for path, policy in policies:
        matters = policy.get("matters")
        if matters == []:
            yield Problem((*path, "matters"), f"is empty; choose {', '.join(Matter)}")
        for i, matter in enumerate(matters if isinstance(matters, list) else []):
            if not isinstance(matter, str):
                continue
            if matter in first:
                text = f"{shown(matter)} has a policy in {dotted(first[matter])} already"
                yield Problem((*path, "matters", i), text)
            first.setdefault(matter, path)
        if policy.get("post") == "auto" and "score" not in policy:
            yield Problem((*path, "post"), "'auto' needs a score from which it trusts")
        elif policy.get("post") in ("review", "never") and "score" in policy:
            yield Problem((*path, "score"), 'is for post = "auto" only')


def _rule(path: KeyPath, rule: Table) -> Iterator[Problem]:
    if not set(RuleKeys.model_fields) & set(rule):
        yield Problem(path, f"changes nothing; add {', '.join(RuleKeys.model_fields)}")
    kind, labels = rule.get("zone"), rule.get("labels")
    if not isinstance(kind, str) or kind not in list(ZoneKind):
        return
    allowed = ZONE_MATTERS[ZoneKind(kind)]
    if not allowed:
        yield Problem((*path, "zone"), f"{shown(kind)} zones report nothing, so they have no rules")
    elif isinstance(labels, list):
        if not labels:
            yield Problem((*path, "labels"), f"is empty; choose {', '.join(allowed)}")
        for i, label in enumerate(labels):
            if label in LABELS and label not in allowed:
                yield Problem(
                    (*path, "labels", i),
                    f"{shown(label)} makes no matter in a {kind} zone; choose {', '.join(allowed)}",
                )
