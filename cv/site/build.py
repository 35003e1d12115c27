"""From a valid site file to the site: paths, places and rules put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cv.codes import CodeTable, edition
from cv.disk import DiskLimits
from cv.gcj02 import gcj02_to_wgs84
from cv.labels import Matter
from cv.site.file import (
    CameraTable,
    Gat1400Table,
    MqttTable,
    Open311Table,
    ReportingTable,
    RoundupTable,
    RuleKeys,
    SiteFile,
    WebhookTable,
)
from cv.site.model import (
    Camera,
    GivenPoint,
    PhotoSettings,
    Policy,
    Privacy,
    Reporting,
    Site,
    SiteRule,
    Zone,
)
from cv.site.places import Place, Places
from cv.site.receivers import Gat1400, Mqtt, Open311, Roundup, Spool, Webhook
from cv.site.routing import Routing
from cv.site.rules import RuleChange

__all__ = ["build_site", "own_change"]


def build_site(file: SiteFile, folder: Path, places: Places | None, routing: Routing) -> Site:
    """Turn a checked site file into the objects that the rest of the code works with.

    Args:
        folder: of the site file; relative paths begin there.
        places: the map to look cameras up on.
        routing: the city's tables.
    """
    privacy = file.privacy
    return Site(
        name=file.site.name,
        division=file.site.division,
        tz=file.site.timezone,
        codes=edition(file.site.codes),
        cameras=tuple(_camera(camera, places) for camera in file.cameras),
        reporting=_reporting(file.reporting, folder, edition(file.site.codes)),
        privacy=Privacy(
            heads=privacy.heads,
            plates=privacy.plates,
            keep_originals_s=privacy.keep_originals,
            keep_rejected_s=privacy.keep_rejected,
            keep_evidence_s=privacy.keep_evidence,
            keep_photos_s=privacy.keep_photos,
            keep_access_log_s=privacy.keep_access_log,
        ),
        rules=tuple(
            SiteRule(rule.zone, tuple(rule.labels), _change(rule, f"site:rules[{i}]"))
            for i, rule in enumerate(file.rules)
        ),
        places=places,
        disk=DiskLimits(file.disk.thin_below, file.disk.no_pictures_below),
        photos=PhotoSettings(
            file.photos.duplicate_metres, file.photos.duplicate_time, file.photos.post_unreviewed
        ),
        routing=replace(routing, clock=replace(routing.clock, hours=file.routing.work_hours)),
    )


def _reporting(table: ReportingTable, folder: Path, codes: CodeTable) -> Reporting:
    return Reporting(
        data=(folder / table.data).resolve(),
        database=table.database,
        targets=tuple(table.targets),
        spool=Spool(Path(table.spool.folder)),
        webhook=_webhook(table.webhook) if table.webhook else None,
        roundup=_roundup(table.roundup) if table.roundup else None,
        open311=_open311(table.open311) if table.open311 else None,
        gat1400=_gat1400(table.gat1400, codes) if table.gat1400 else None,
        mqtt=_mqtt(table.mqtt) if table.mqtt else None,
        update_every_s=table.update_every,
        public_url=table.public_url.rstrip("/") if table.public_url else None,
        review_first=table.review_first,
        policies=tuple(
            Policy(tuple(map(Matter, policy.matters)), policy.post, policy.score or 1.0)
            for policy in table.policies
        ),
    )


def _webhook(table: WebhookTable) -> Webhook:
    return Webhook(table.url, table.secret_env, table.timeout)


def _roundup(table: RoundupTable) -> Roundup:
    url = table.url.rstrip("/") + "/"
    return Roundup(url, table.user, table.secret_env, table.closed, table.timeout)


def _open311(table: Open311Table) -> Open311:
    return Open311(
        url=table.url.rstrip("/"),
        services=table.services,
        jurisdiction=table.jurisdiction,
        secret_env=table.secret_env,
        timeout_s=table.timeout,
    )


def _gat1400(table: Gat1400Table, codes: CodeTable) -> Gat1400:
    named = ((codes.named(code), event) for code, event in table.events.items())
    return Gat1400(
        url=table.url.rstrip("/"),
        device=table.device,
        events={code.code5: event for code, event in named if code},
        user=table.user,
        secret_env=table.secret_env,
        keepalive_s=table.keepalive,
        timeout_s=table.timeout,
    )


def _mqtt(table: MqttTable) -> Mqtt:
    return Mqtt(
        url=table.url,
        user=table.user,
        secret_env=table.secret_env,
        topic=table.topic,
        discovery=table.discovery,
        timeout_s=table.timeout,
    )


def _camera(table: CameraTable, places: Places | None) -> Camera:
    lon, lat, coord_sys, given = table.lon, table.lat, table.coord_sys, None
    place: Place | None = None
    if lon is not None and lat is not None:
        if coord_sys == "GCJ-02":
            given = GivenPoint(lon, lat, coord_sys)
            # WGS-84 and CGCS2000 differ by centimetres, the conversion by a metre or two.
            (lon, lat), coord_sys = gcj02_to_wgs84(lon, lat), "CGCS2000"
        place = places.find(lon, lat) if places else None
    community, grid = _codes(table, place)
    return Camera(
        id=table.id,
        name=table.name or table.id,
        url=table.url,
        sub_url=table.sub_url,
        gb_id=table.gb_id,
        lon=lon,
        lat=lat,
        coord_sys=coord_sys,
        address=_address(table, place),
        community=community,
        grid=grid,
        every_s=table.every,
        zones=tuple(
            Zone(
                zone.id,
                zone.name or zone.id,
                zone.kind,
                tuple(zone.polygon),
                own_change(zone, f"{table.id}/{zone.id}"),
                zone.closer,
            )
            for zone in table.zones
        ),
        given=given,
        place=place,
    )


def _codes(table: CameraTable, place: Place | None) -> tuple[str | None, str | None]:
    """Community and grid: as written, else looked up where that does not contradict the other."""
    community, grid = table.community, table.grid
    if grid is None and place and place.grid and place.grid.startswith(community or ""):
        grid = place.grid
    if community is None and grid:
        community = grid[:12]
    if community is None and place:
        community = place.community
    return community, grid


def _address(table: CameraTable, place: Place | None) -> str | None:
    named = f"{place.street or ''}{place.name or ''}" if place else ""
    return table.address or named or None


def own_change(table: RuleKeys, origin: str) -> RuleChange | None:
    """What a zone says about its rules; None if nothing."""
    change = _change(table, origin)
    return change if change != RuleChange(origin) else None


def _change(keys: RuleKeys, origin: str) -> RuleChange:
    return RuleChange(
        origin,
        dwell_s=keys.dwell,
        overlap=keys.overlap,
        presence=keys.presence,
        clear_s=keys.clear,
        active=keys.active,
        enabled=keys.enabled,
    )
