"""What all targets have in common, and the one in docs/how-to-add-a-target.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Header

import cv.site
from cv.cases import targets
from cv.cases.case import case_schema
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.store import CaseStore
from cv.errors import SiteError
from cv.site import Site
from cv.site.file import TARGETS
from tests.cases.conftest import Clock, File
from tests.cases.filings import case_of, incident, site_in
from tests.lossy_proxy import LossyProxy
from tests.serving import serving

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/how-to-add-a-target.md"


def test_every_target_that_a_site_file_may_name_is_there() -> None:
    assert set(targets._CLASSES) == set(TARGETS)
    for name, kind in targets._CLASSES.items():
        target = getattr(import_module(f"cv.cases.targets.{name}"), kind)
        assert target.name == name
        own = {n for n in vars(target) if not n.startswith("_")}
        assert own - {"closures"} == {"name", "of", "deliver", "close"}


@dataclass
class Cases:
    """A case system with an address for each case."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.put("/cases/{name}")
        def put(
            name: str,
            document: dict[str, Any],
            authorization: str = Header(),
            idempotency_key: str = Header(),
        ) -> dict[str, str]:
            assert authorization == "Bearer token-of-kerbwatch"
            self.documents[name] = document
            self.keys.append(idempotency_key)
            return {"number": f"N-{len(self.documents)}"}

        return app


@pytest.fixture
def system() -> Iterator[tuple[Cases, LossyProxy]]:
    cases = Cases()
    with serving(cases.app()) as port:
        proxy = LossyProxy(port)
        yield cases, proxy
        proxy.stop()


@pytest.fixture
def put_target(
    site: Site, system: tuple[Cases, LossyProxy], monkeypatch: pytest.MonkeyPatch
) -> targets.Target:
    """The document's code, as it stands there."""
    code, settings = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    receivers = vars(import_module("cv.site.receivers")).copy()
    exec(settings, receivers)
    monkeypatch.setattr(cv.site, "Put", receivers["Put"], raising=False)
    module: dict[str, Any] = {"__name__": "cv.cases.targets.put"}
    exec(code, module)
    where = receivers["Put"](system[1].url + "cases")
    outgoing = Outgoing(site.reporting.data, site.privacy, "https://box.example", "s" * 20)
    with pytest.raises(SiteError, match="KERBWATCH_PUT_TOKEN is not set"):
        module["PutTarget"].of(where, outgoing)
    monkeypatch.setenv("KERBWATCH_PUT_TOKEN", "token-of-kerbwatch")
    target: targets.Target = module["PutTarget"].of(where, outgoing)
    return target


def test_the_target_in_the_document_delivers(
    store: CaseStore, file: File, clock: Clock, system: tuple[Cases, LossyProxy],
    put_target: targets.Target,
) -> None:  # fmt: skip
    cases, proxy = system
    fates = iter(["lose answer"])
    proxy.fate = lambda _method, _path: next(fates, "pass")  # type: ignore[return-value]
    site = site_in(Path("data"))
    file(case_of(site), targets=["put"])
    with Outbox(store, [put_target], clock=clock) as box:
        assert box.deliver_due().failed == 1
        clock.move(60)
        assert box.deliver_due().delivered == 1
    assert cases.keys == [f"{incident().id}.new"] * 2
    assert set(cases.documents[incident().id]) == set(case_schema()["properties"])
    assert store.case(incident().id).number == "N-1"
