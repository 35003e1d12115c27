"""What may be written in a site file: every table and key.

Single values are checked in `cv.site.values`, agreement between keys in `cv.site.agreement`.
"""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, StrictBool

from cv.codes import EDITIONS
from cv.labels import LABELS, Matter
from cv.site.receivers import (
    GAT1400_VARIABLE,
    MQTT_VARIABLE,
    OPEN311_VARIABLE,
    ROUNDUP_VARIABLE,
    SIGNING_VARIABLE,
)
from cv.site.values import (
    BrokerUrl,
    DatabaseUrl,
    Duration,
    Events,
    Every,
    Hours,
    Id,
    Keep,
    Kind,
    LogDuration,
    Number,
    Services,
    Share,
    Size,
    StreamUrl,
    Text,
    Time,
    TimeZone,
    Topic,
    VariableName,
    WebUrl,
    WorkHours,
    ZonePolygon,
    between,
    digits,
    one_of,
)
from cv.site.work_clock import WORK_HOURS

__all__ = [
    "COORDINATE_SYSTEMS",
    "POSTING",
    "TARGETS",
    "TARGETS_WITH_URL",
    "CameraTable",
    "Gat1400Table",
    "MqttTable",
    "Open311Table",
    "PhotosTable",
    "PolicyTable",
    "ReportingTable",
    "RoundupTable",
    "RoutingTable",
    "RuleKeys",
    "RuleTable",
    "SiteFile",
    "WebhookTable",
    "ZoneTable",
]

COORDINATE_SYSTEMS = ("CGCS2000", "WGS84", "GCJ-02")
POSTING = ("review", "auto", "never")
TARGETS_WITH_URL = ("webhook", "roundup", "open311", "gat1400", "mqtt")
TARGETS_WITH_LINKS = ("webhook", "open311", "mqtt")
"""Their receivers fetch the pictures."""
TARGETS = ("spool", *TARGETS_WITH_URL)


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class SiteTable(_Table):
    """[site]"""

    name: Text = "kerbwatch"
    division: Annotated[str, digits(6)] | None = None
    timezone: TimeZone = ZoneInfo("Asia/Shanghai")
    codes: Annotated[str, one_of(*EDITIONS)] = EDITIONS[0]
    communities: Text | None = None


class SpoolTable(_Table):
    """[reporting.spool]"""

    folder: Text = "spool"


class WebhookTable(_Table):
    """[reporting.webhook]"""

    url: WebUrl
    secret_env: VariableName = SIGNING_VARIABLE
    timeout: Annotated[Time, between(1, 120)] = 20.0


class RoundupTable(_Table):
    """[reporting.roundup]"""

    url: WebUrl
    user: Text = "kerbwatch"
    secret_env: VariableName = ROUNDUP_VARIABLE
    closed: Text = "resolved"
    timeout: Annotated[Time, between(1, 120)] = 60.0


class Open311Table(_Table):
    """[reporting.open311]"""

    url: WebUrl
    services: Services
    jurisdiction: Text | None = None
    secret_env: VariableName = OPEN311_VARIABLE
    timeout: Annotated[Time, between(1, 120)] = 30.0


class Gat1400Table(_Table):
    """[reporting.gat1400]"""

    url: WebUrl
    device: Annotated[str, digits(20)]
    events: Events = {}
    user: Text | None = None
    secret_env: VariableName = GAT1400_VARIABLE
    keepalive: Annotated[Time, between(10, 240)] = 90.0
    timeout: Annotated[Time, between(1, 120)] = 60.0


class MqttTable(_Table):
    """[reporting.mqtt]"""

    url: BrokerUrl
    user: Text | None = None
    secret_env: VariableName = MQTT_VARIABLE
    topic: Topic = "kerbwatch"
    discovery: Topic = "homeassistant"
    timeout: Annotated[Time, between(1, 120)] = 20.0


class PolicyTable(_Table):
    """[[reporting.policies]]"""

    matters: list[Annotated[str, one_of(*Matter)]]
    post: Annotated[str, one_of(*POSTING)]
    score: Share | None = None


class ReportingTable(_Table):
    """[reporting]"""

    data: Text = "kerbwatch-data"
    database: DatabaseUrl | None = None
    targets: list[Annotated[str, one_of(*TARGETS)]] = ["spool"]
    update_every: Duration = 1800.0
    public_url: WebUrl | None = None
    review_first: StrictBool = False
    spool: SpoolTable = SpoolTable()
    webhook: WebhookTable | None = None
    roundup: RoundupTable | None = None
    open311: Open311Table | None = None
    gat1400: Gat1400Table | None = None
    mqtt: MqttTable | None = None
    policies: list[PolicyTable] = []


class PrivacyTable(_Table):
    """[privacy]"""

    heads: StrictBool = True
    plates: StrictBool = True
    keep_originals: Keep = 30 * 86400.0
    keep_rejected: Keep = 30 * 86400.0
    keep_evidence: Keep = 365 * 86400.0
    keep_photos: Keep = 90 * 86400.0
    keep_access_log: LogDuration = 400 * 86400.0


class RoutingTable(_Table):
    """[routing]"""

    units: Text | None = None
    limits: Text | None = None
    holidays: Text | None = None
    work_hours: WorkHours = WORK_HOURS


class PhotosTable(_Table):
    """[photos]"""

    duplicate_metres: Annotated[Number, between(1, 1000)] = 50.0
    duplicate_time: Annotated[Time, between(60, 7 * 86400)] = 3600.0
    post_unreviewed: StrictBool = False


class RuleKeys(_Table):
    """What [[rules]] and zones may change about a rule."""

    dwell: Time | None = None
    overlap: Share | None = None
    presence: Share | None = None
    clear: Time | None = None
    active: Hours | None = None
    enabled: StrictBool | None = None


class ZoneTable(RuleKeys):
    """[[cameras.zones]]"""

    id: Id
    name: Text | None = None
    kind: Kind
    polygon: ZonePolygon
    closer: StrictBool = False


class CameraTable(_Table):
    """[[cameras]]"""

    id: Id
    name: Text | None = None
    url: StreamUrl | None = None
    sub_url: StreamUrl | None = None
    gb_id: Annotated[str, digits(20)] | None = None
    lon: Annotated[Number, between(-180, 180)] | None = None
    lat: Annotated[Number, between(-90, 90, hint=" (are lon and lat swapped?)")] | None = None
    coord_sys: Annotated[str, one_of(*COORDINATE_SYSTEMS)] = "CGCS2000"
    address: Text | None = None
    community: Annotated[str, digits(12)] | None = None
    grid: Annotated[str, digits(15)] | None = None
    every: Every | None = None
    zones: list[ZoneTable] = []


class RuleTable(RuleKeys):
    """[[rules]]"""

    zone: Kind
    labels: list[Annotated[str, one_of(*LABELS)]]


class DiskTable(_Table):
    """[disk]"""

    thin_below: Size | None = None
    no_pictures_below: Size | None = None


class SiteFile(_Table):
    """The whole file."""

    site: SiteTable = SiteTable()
    reporting: ReportingTable = ReportingTable()
    privacy: PrivacyTable = PrivacyTable()
    photos: PhotosTable = PhotosTable()
    routing: RoutingTable = RoutingTable()
    disk: DiskTable = DiskTable()
    cameras: list[CameraTable] = []
    rules: list[RuleTable] = []
