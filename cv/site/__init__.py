"""The site file: where cameras stand, what counts as a violation there, and who is told.

Written in TOML, described key by key in docs/site-file.md. `load_site` reads it for work;
`check_site` finds every mistake in it.
"""

from __future__ import annotations

from cv.site.load import SiteCheck, check_site, default_site, load_site
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
from cv.site.rules import Rule
from cv.site.schedule import Schedule

__all__ = [
    "Camera",
    "Gat1400",
    "GivenPoint",
    "Mqtt",
    "Open311",
    "PhotoSettings",
    "Place",
    "Places",
    "Policy",
    "Privacy",
    "Reporting",
    "Roundup",
    "Routing",
    "Rule",
    "Schedule",
    "Site",
    "SiteCheck",
    "SiteRule",
    "Spool",
    "Webhook",
    "Zone",
    "check_site",
    "default_site",
    "load_site",
]
