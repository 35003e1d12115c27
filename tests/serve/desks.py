"""A service over a case store of its own, in this process, with keys of several roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import delete

from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.case import Case
from cv.cases.store import CaseStore
from cv.cases.tables import AdoptedRow, CaseRow, DeliveryRow, RequestRow
from cv.detect.detector import Detector
from cv.site import Site
from serve.app import create_app
from tests.cases.filings import START, site_in
from tests.serve.conftest import LIMITS

NOW = START + timedelta(hours=2)


@dataclass
class Service:
    """`keys` are texts by the names of their holders."""

    client: TestClient
    store: CaseStore
    site: Site
    keys: dict[str, str]

    def file(
        self,
        *cases: Case,
        targets: tuple[str, ...] = ("webhook",),
        hold: bool = True,
        now: datetime = NOW,
    ) -> None:
        self.store.commit_look(
            camera="gate", stream="live", filings=cases, state=None, targets=targets, now=now,
            hold=hold,
        )  # fmt: skip

    def empty(self) -> None:
        """Without cases. The keys stay: each costs an argon2 hash."""
        with self.store.database.write() as session:
            for table in (RequestRow, DeliveryRow, AdoptedRow, CaseRow):
                session.execute(delete(table))


@contextmanager
def service(detector: Detector, data: Path, holders: dict[str, Role]) -> Iterator[Service]:
    site = site_in(data)
    with CaseStore(data / "cases.sqlite") as store:
        keys = Keys(store.database)
        made = {name: keys.create(name, role, NOW)[1] for name, role in holders.items()}
        app = create_app(detector, site, limits=LIMITS, secret="s" * 20, keys=keys, store=store)
        # Not as a context manager: cases need no warm model.
        yield Service(TestClient(app), store, site, made)
