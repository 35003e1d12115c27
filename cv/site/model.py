"""A site as the rest of the program sees it: cameras, zones, rules, reporting."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from cv.codes import CodeTable
from cv.disk import DiskLimits
from cv.errors import SiteError
from cv.geometry import Point
from cv.labels import Matter, ZoneKind
from cv.site.places import Place, Places
from cv.site.receivers import Gat1400, Mqtt, Open311, Roundup, Spool, Webhook
from cv.site.routing import Routing
from cv.site.rules import Rule, RuleChange, effective_rule
from cv.source_url import SourceUrl

__all__ = [
    "Camera",
    "GivenPoint",
    "PhotoSettings",
    "Policy",
    "Privacy",
    "Reporting",
    "Site",
    "SiteRule",
    "Zone",
]


@dataclass(frozen=True, slots=True)
class Zone:
    """A named polygon in a camera's view.

    Attributes:
        polygon: (x, y) in 0..1 of the picture's width and height.
        change: the zone's own rule keys.
        closer: it is far away: look at it a second time, enlarged.
    """

    id: str
    name: str
    kind: ZoneKind
    polygon: tuple[Point, ...]
    change: RuleChange | None = None
    closer: bool = False


@dataclass(frozen=True, slots=True)
class GivenPoint:
    """A point as it was written, before its conversion."""

    lon: float
    lat: float
    coord_sys: str


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of the site, with its zones.

    Attributes:
        url: its stream; None for a camera of which there are only recordings.
        sub_url: a smaller stream of the same view, which is watched instead; `url` then only gives
            the pictures of cases.
        gb_id: its 20 digits in GB/T 28181.
        lon, lat: degrees in `coord_sys`, which is CGCS2000 or WGS84.
        given: the original point, if it was GCJ-02.
        community, grid: codes of 12 and 15 digits, written or looked up.
        every_s: seconds between looks.
        place: what the map says about the point, if there is a map.
    """

    id: str
    name: str
    url: SourceUrl | None = None
    sub_url: SourceUrl | None = None
    gb_id: str | None = None
    lon: float | None = None
    lat: float | None = None
    coord_sys: str = "CGCS2000"
    address: str | None = None
    community: str | None = None
    grid: str | None = None
    every_s: float | None = None
    zones: tuple[Zone, ...] = ()
    given: GivenPoint | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens with the cases of some matters.

    Attributes:
        post: `review`: a person decides; `auto`: confirmed from `score` on, else as review;
            `never`: kept here, told to nobody.
        score: the least confidence that `auto` trusts.
    """

    matters: tuple[Matter, ...]
    post: str
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Reporting:
    """Where cases are kept, and who is told of them.

    Attributes:
        data: folder of cases and evidence, absolute.
        database: where the cases are instead of in that folder, an SQLAlchemy URL; may hold a
            password: never print it.
        targets: who is told, each by the name of its settings below.
        update_every_s: an open incident is reported again this often; 0 never.
        public_url: where receivers fetch evidence, without a slash at its end.
        review_first: a proposed case is posted only once a person here has confirmed it. Otherwise
            it is posted as a proposal, and the receiver's desk decides.
        policies: at most one a matter; a matter without one is for review.
    """

    data: Path
    database: str | None = field(default=None, repr=False)
    targets: tuple[str, ...] = ("spool",)
    spool: Spool = field(default_factory=Spool)
    webhook: Webhook | None = None
    roundup: Roundup | None = None
    open311: Open311 | None = None
    gat1400: Gat1400 | None = None
    mqtt: Mqtt | None = None
    update_every_s: float = 1800.0
    public_url: str | None = None
    review_first: bool = False
    policies: tuple[Policy, ...] = ()

    @property
    def never(self) -> frozenset[Matter]:
        """Matters whose cases are told to nobody."""
        return frozenset(m for p in self.policies if p.post == "never" for m in p.matters)

    def confirmed_from(self, matter: str) -> float | None:
        """The score from which cases of a matter are confirmed without a person, if any."""
        trusted = [p.score for p in self.policies if p.post == "auto" and matter in p.matters]
        return trusted[0] if trusted else None


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is pixelated on evidence, and how long what is kept stays.

    Attributes:
        keep_originals_s: unmasked pictures, from when they were stored.
        keep_rejected_s: evidence of a rejected case, from its review.
        keep_evidence_s: of any other, from its end.
        keep_photos_s: a citizen's report without a case, from when it came.
        keep_access_log_s: entries of the evidence log.
    """

    heads: bool = True
    plates: bool = True
    keep_originals_s: float = 30 * 86400.0
    keep_rejected_s: float = 30 * 86400.0
    keep_evidence_s: float = 365 * 86400.0
    keep_photos_s: float = 90 * 86400.0
    keep_access_log_s: float = 400 * 86400.0

    def is_met(self, *, heads: bool, plates: bool) -> bool:
        """Whether a picture in which these are pixelated may leave."""
        return (heads or not self.heads) and (plates or not self.plates)


@dataclass(frozen=True, slots=True)
class PhotoSettings:
    """How near a citizen's report and something known already are, to be about one thing.

    Attributes:
        metres: between the two places.
        time_s: seconds between the two moments.
        post_unreviewed: a case that only citizens saw is posted before a person has confirmed it.
    """

    metres: float = 50.0
    time_s: float = 3600.0
    post_unreviewed: bool = False


@dataclass(frozen=True, slots=True)
class SiteRule:
    """One of [[rules]]: these labels in zones of this kind, at every camera."""

    zone: ZoneKind
    labels: tuple[str, ...]
    change: RuleChange


@dataclass(frozen=True, slots=True)
class Site:
    """A site file, checked and resolved.

    Attributes:
        division: six digits of the administrative division.
        tz: of schedules and displays; times are UTC everywhere else.
        codes: the edition of the national code table that cases go by.
        rules: changes to the built-in rules, in order.
        places: the map of communities and grids.
        photos: how citizens' reports are taken.
        routing: who is responsible for a matter, and how long it may take.
        disk: below how much free space pictures give way.
    """

    name: str
    division: str | None
    tz: ZoneInfo
    codes: CodeTable
    cameras: tuple[Camera, ...]
    reporting: Reporting
    privacy: Privacy
    rules: tuple[SiteRule, ...] = ()
    places: Places | None = None
    photos: PhotoSettings = PhotoSettings()
    routing: Routing = field(default_factory=Routing)
    disk: DiskLimits = field(default_factory=DiskLimits)

    def camera(self, camera_id: str) -> Camera:
        """The camera of this id.

        Raises:
            SiteError: there is none.
        """
        for camera in self.cameras:
            if camera.id == camera_id:
                return camera
        known = ", ".join(camera.id for camera in self.cameras) or "none is in the site file"
        raise SiteError(f"no camera {camera_id[:40]!r}; cameras: {known}")

    def rule(self, zone: Zone, label: str) -> Rule | None:
        """The rule for a label in a zone: built-in, then [[rules]] in order, then the zone's own.

        Returns:
            None where no matter follows from the label there, or where the rule is disabled.
        """
        changes = [r.change for r in self.rules if r.zone is zone.kind and label in r.labels]
        if zone.change:
            changes.append(zone.change)
        return effective_rule(zone.kind, label, changes)
