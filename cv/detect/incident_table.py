"""The closing table of a run's incidents: of a run of months, the latest ones."""

from __future__ import annotations

from rich.table import Table

from cv.codes import Code
from cv.detect.evidence import span
from cv.detect.incident import Incident
from cv.site import Site
from cv.tables import plain_table

__all__ = ["IncidentTable", "code_of", "name_of"]

_MOST = 1000


class IncidentTable:
    """Incidents by their ids, as they were last.

    Beyond a thousand, what ended first makes way: a live run never ends.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._incidents: dict[str, Incident] = {}
        self._left_out = 0

    def __bool__(self) -> bool:
        return bool(self._incidents)

    def take(self, incident: Incident) -> None:
        self._incidents[incident.id] = incident
        if len(self._incidents) > _MOST and incident.state == "cleared":
            first = next(key for key, i in self._incidents.items() if i.state == "cleared")
            del self._incidents[first]
            self._left_out += 1

    def table(self) -> Table:
        columns = ("id", "matter", "camera/zone", "first seen", "for", "state")
        whole = ("id", "camera/zone", "first seen", "state")
        table = plain_table(*columns, title="Incidents", whole=whole)
        if self._left_out:
            table.add_row(f"{self._left_out} before", *[""] * (len(columns) - 1))
        for incident in self._incidents.values():
            first = incident.first_seen.astimezone(self._site.tz)
            table.add_row(
                incident.id[:11],
                f"{incident.matter}: {incident.label}\n{name_of(self._site, incident)}",
                f"{incident.camera}/{incident.zone}",
                f"{first:%m-%d %H:%M:%S}",
                span(incident.dwell_s),
                incident.state,
            )
        return table


def name_of(site: Site, incident: Incident) -> str:
    """An incident's code and what that stands for."""
    code = code_of(site, incident)
    return f"{code.code5} {code.name_zh}"


def code_of(site: Site, incident: Incident) -> Code:
    """Its zone is no more where it ended because of that."""
    zone = next((z for z in site.camera(incident.camera).zones if z.id == incident.zone), None)
    return site.codes.code(incident.matter, incident.label, zone.kind if zone else None)
