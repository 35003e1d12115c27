"""`kerbwatch site`: write a site file to begin with, check one, and look points up in its map."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cv.durations import format_duration
from cv.errors import SiteError
from cv.gcj02 import gcj02_to_wgs84, in_china
from cv.labels import ZONE_MATTERS
from cv.site import Camera, Policy, Routing, Site, Zone, check_site, load_site
from cv.site.file import COORDINATE_SYSTEMS
from cv.site.places import NEAREST_LIMIT_M, Place
from cv.site.rules import Rule, default_rule
from cv.site.workdays import arranged_until
from cv.tables import plain_table
from cv.whole_file import write_whole

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

SitePath = Annotated[Path, typer.Argument(help="The site file.")]
_DEFAULT = Path("site.toml")


@app.command()
def check(path: SitePath = _DEFAULT) -> None:
    """Find every mistake in a site file, with its line; show what the file means."""
    found = check_site(path)
    for problem in found.problems:
        typer.echo(problem)
    if found.site is None:
        raise typer.Exit(SiteError.exit_code)
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")
    console = Console()
    for table in (_cameras(found.site), _rules(found.site)):
        if table.row_count:
            console.print(table)
    console.print(_reporting(found.site), highlight=False, soft_wrap=True)
    if found.site.routing != Routing():
        console.print(_routing(found.site), highlight=False, soft_wrap=True)
    console.print(f"[green]{escape(str(path))} is in order.[/green]", highlight=False)


@app.command()
def init(
    path: SitePath = _DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a commented example to edit."""
    text = files("cv.site").joinpath("template.toml").read_text(encoding="utf-8")
    try:
        if path.exists() and not force:
            raise SiteError(f"{path}: is there already; --force overwrites it")
        write_whole(path, text.encode())
    except OSError as error:
        raise SiteError(f"{path}: cannot be written: {error.strerror}") from None
    typer.echo(f"Wrote {path}. Edit it, then: kerbwatch site check {path}")


@app.command()
def route(
    lon: Annotated[float, typer.Option(help="Degrees east.")],
    lat: Annotated[float, typer.Option(help="Degrees north.")],
    path: SitePath = _DEFAULT,
    coord_sys: Annotated[
        str, typer.Option(help=f"One of {', '.join(COORDINATE_SYSTEMS)}.")
    ] = "CGCS2000",
) -> None:
    """Show which street, community and grid of the map a point lies in."""
    if coord_sys not in COORDINATE_SYSTEMS:
        allowed = ", ".join(COORDINATE_SYSTEMS)
        raise SiteError(f"--coord-sys: {coord_sys[:40]!r} is not one of {allowed}")
    for option, value, bound in (("--lon", lon, 180), ("--lat", lat, 90)):
        if not -bound <= value <= bound:
            raise SiteError(f"{option}: {value} is not between -{bound} and {bound}")
    if coord_sys == "GCJ-02":
        if not in_china(lon, lat):
            raise SiteError("--coord-sys: GCJ-02 is for places in China; choose WGS84")
        lon, lat = gcj02_to_wgs84(lon, lat)
        typer.echo(f"{'CGCS2000':<10} {lon:.6f}, {lat:.6f}")
    places = load_site(path).places
    if places is None:
        raise SiteError(f"{path}: communities: names no map to look the point up in")
    found = places.find(lon, lat)
    if found is None:
        area, away_m = places.nearest(lon, lat)
        code = area.grid or area.community
        raise SiteError(
            f"{path}: communities: the point lies in no area; the nearest, {code}, is "
            f"{away_m:.0f} m away, and at most {NEAREST_LIMIT_M:.0f} m count"
        )
    for level, told in _route(found):
        typer.echo(f"{level:<10} {told}")


def _route(place: Place) -> list[tuple[str, str]]:
    """What a place is called, by level; levels that the map does not tell are left out."""
    community = place.community or ""
    lines = (
        ("city", place.city or ""),
        ("county", " ".join(filter(None, (community[:6], place.county))) if place.county else ""),
        ("street", " ".join(filter(None, (community[:9], place.street)))),
        ("community", " ".join(filter(None, (community, place.community_name)))),
        ("grid", place.grid or ""),
        ("name", place.name or ""),
        ("method", "nearest" if place.distance_m else "inside"),
        ("distance", f"{place.distance_m:.1f} m"),
    )
    return [(name, value) for name, value in lines if value]


def _cameras(site: Site) -> Table:
    columns = ("camera", "name", "source", "place", "zones")
    table = plain_table(*columns, title=escape(site.name), whole=("camera",))
    for camera in site.cameras:
        zones = ", ".join(f"{zone.id} ({zone.kind})" for zone in camera.zones)
        source = str(camera.url) if camera.url else "recordings"
        if camera.sub_url:
            source += f", watched: {camera.sub_url}"
        cells = (camera.id, camera.name, source, _place(camera), zones)
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _place(camera: Camera) -> str:
    code = camera.grid or camera.community or ""
    if camera.lon is None or camera.lat is None:
        return code or camera.address or ""
    return f"{camera.lon:.6f}, {camera.lat:.6f} {camera.coord_sys} {code}".strip()


def _rules(site: Site) -> Table:
    headings = ("labels", "stays", "inside", "seen", "clear", "applies", "from")
    table = plain_table("zone", *headings, title="\nEffective rules", whole=("zone", *headings[:5]))
    for camera in site.cameras:
        for zone in camera.zones:
            for rule, labels in _grouped(site, zone).items():
                numbers = (f"{rule.overlap:.0%}", f"{rule.presence:.0%}")
                times = (format_duration(rule.dwell_s), format_duration(rule.clear_s))
                table.add_row(
                    escape(f"{camera.id}/{zone.id}"),
                    "\n".join(labels),
                    times[0],
                    *numbers,
                    times[1],
                    str(rule.active),
                    escape(rule.id),
                )
    return table


def _grouped(site: Site, zone: Zone) -> dict[Rule, list[str]]:
    """The labels that make a matter in a zone, those with the same rule together."""
    groups: dict[Rule, list[str]] = {}
    for label in ZONE_MATTERS[zone.kind]:
        rule = site.rule(zone, label)
        if rule == default_rule(zone.kind, label) and rule is not None:
            rule = replace(rule, id="built-in")
        if rule is not None:
            groups.setdefault(rule, []).append(label)
    return groups


def _reporting(site: Site) -> str:
    reporting = site.reporting
    targets = ", ".join(reporting.targets) or "nobody"
    reviewer = "here, before they are posted" if reporting.review_first else "by the receiver"
    policies = "".join(f" {_policy(policy)}." for policy in reporting.policies)
    return escape(
        f"Cases by {site.codes.standard_ref} go to: {targets}. Data: {reporting.data}. "
        f"Clock: {site.tz}. Proposed cases are reviewed {reviewer}.{policies}"
    )


def _routing(site: Site) -> str:
    """How much the city's tables say."""
    routing = site.routing
    units, limits = len(routing.units.table), sum(map(len, routing.limits.table.values()))
    until, own = arranged_until(datetime.now(site.tz).year + 1), len(routing.clock.days.own)
    return escape(
        f"Rows of your tables: units {units}, limits {limits}, holidays {own}. "
        f"Working time: {routing.clock.hours} on China's working days, known until {until}."
    )


def _policy(policy: Policy) -> str:
    matters = ", ".join(policy.matters)
    if policy.post == "auto":
        return f"{matters}: confirmed from score {policy.score:g} on"
    return f"{matters}: {'never posted' if policy.post == 'never' else 'a person decides'}"
