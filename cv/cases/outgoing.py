"""The case as it leaves: which pictures may go, and how a receiver gets at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cv.cases.case import Case, EvidenceItem
from cv.cases.links import LINK_LIFE_S, evidence_url
from cv.evidence.originals import is_sealed
from cv.site import Privacy

__all__ = ["Outgoing", "may_leave"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a site lets out.

    A picture is withheld, and the document says so, if the site wants something masked that is
    not masked in it (masking failed, or the site did not ask for it then), or if its file is gone.

    Attributes:
        data: the folder that evidence files are relative to.
        privacy: what the site wants masked now.
        public_url: where receivers reach the service that serves evidence; empty for links that
            are relative to it.
        secret: signs links; without it, or without `public_url`, there are none.
    """

    data: Path
    privacy: Privacy
    public_url: str | None = None
    secret: str | None = None

    @property
    def has_links(self) -> bool:
        """Whether receivers can fetch pictures over HTTP."""
        return self.public_url is not None and bool(self.secret)

    def with_files(self, case: Case) -> tuple[Case, dict[str, Path]]:
        """The document whose pictures lie beside it, and what to put there: name → source."""
        files: dict[str, Path] = {}
        items = []
        for item in case.evidence:
            shown, source = self._checked(item, case)
            name = source.name if source else None
            if source and name:
                files[name] = source
            items.append(shown.model_copy(update={"file": name}))
        return case.model_copy(update={"evidence": tuple(items)}), files

    def with_links(self, case: Case, now: datetime) -> Case:
        """The document whose pictures are fetched over HTTP.

        Args:
            now: aware; links expire `LINK_LIFE_S` later.
        """
        expires = (now + timedelta(seconds=LINK_LIFE_S)).astimezone(case.time.reported.tzinfo)
        items = []
        for item in case.evidence:
            shown, source = self._checked(item, case)
            update: dict[str, object] = {"file": None}
            if source and item.file and self.public_url is not None and self.secret:
                update["url"] = evidence_url(self.public_url, item.file, self.secret, now=now)
                update["expires"] = expires.replace(microsecond=0)
            elif source:
                update["withheld"] = "no link"
            items.append(shown.model_copy(update=update))
        return case.model_copy(update={"evidence": tuple(items)})

    def _checked(self, item: EvidenceItem, case: Case) -> tuple[EvidenceItem, Path | None]:
        """The item as a receiver may see it, and its file unless that is withheld."""
        if not may_leave(item, case, self.privacy):
            return item.model_copy(update={"withheld": "not masked"}), None
        source = self.data / item.file if item.file else None
        if source is None or not source.is_file():
            return item.model_copy(update={"withheld": item.withheld or "missing"}), None
        return item, source


def may_leave(item: EvidenceItem, case: Case, privacy: Privacy) -> bool:
    """Whether all is masked in a picture of a case that a site wants masked."""
    if item.withheld == "not masked" or (item.file and is_sealed(item.file)):
        return False
    heads = item.masked and case.privacy.faces_masked
    plates = item.masked and case.privacy.plates_masked
    return privacy.is_met(heads=heads, plates=plates)
