"""A site that comes to mask more: what was masked less stays, by whichever way it would leave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from cv.cases.case import Case
from cv.cases.links import evidence_url
from cv.cases.store import CaseStore
from cv.cases.tables import PhotoRow
from cv.detect.detector import Detector
from cv.evidence.log import Entry, EvidenceLog
from cv.site import Site
from serve.app import create_app
from tests.cases.filings import START, case_of, picture
from tests.serve.conftest import LIMITS, jpeg
from tests.serve.test_photo_reports import HERE, NOON, send

SECRET = "s3cret of some length"
WANTED = {**HERE, **NOON, "category": "exposed_garbage", "report": "true"}


def masking(site: Site, *, heads: bool, plates: bool) -> Site:
    return replace(site, privacy=replace(site.privacy, heads=heads, plates=plates))


@contextmanager
def serving(detector: Detector, site: Site, store: CaseStore) -> Iterator[TestClient]:
    app = create_app(detector, site, limits=LIMITS, secret=SECRET, store=store)
    with TestClient(app) as client:
        yield client


def evidence(answer: dict[str, Any]) -> dict[str, Any]:
    (image,) = answer["images"]
    shown: dict[str, Any] = image["evidence"]
    return shown


@pytest.mark.parametrize(
    "less", [{"heads": False, "plates": True}, {"heads": True, "plates": False}]
)
def test_a_photo_of_before_is_given_out_no_more(
    detector: Detector, place: Site, store: CaseStore, less: dict[str, bool]
) -> None:
    with serving(detector, masking(place, **less), store) as before:
        _, answer = send(before, jpeg(), **WANTED)
        link = evidence(answer)["url"]
        assert before.get(link).status_code == 200
    with serving(detector, place, store) as now:
        shown = evidence(now.get(f"/v1/photos/{answer['id']}").json())
        assert (shown["url"], shown["withheld"]) == (None, "not masked")
        assert shown["message_en"]
        assert shown["message_zh"]
        (item,) = now.get(f"/v1/cases/{answer['case']['id']}").json()["evidence"]
        assert (item["url"], item["withheld"]) == (None, "not masked"), "as the case's is"
        refused = now.get(link)
        assert refused.status_code == 403
        assert "masked" in refused.json()["detail"]
        assert "打码" in refused.json()["detail_zh"]
        last = Entry.model_validate_json(list(EvidenceLog(store.database).lines())[-1])
        assert (last.action, last.outcome) == ("view", "refused")
        _, later = send(now, jpeg(shade=60), **WANTED)
        assert now.get(evidence(later)["url"]).status_code == 200
    with serving(detector, masking(place, heads=False, plates=False), store) as again:
        assert again.get(link).status_code == 200, "it is the site's own choice"


@pytest.mark.parametrize(
    ("counts", "status"), [((0, 0), 403), ((2, 0), 403), ((0, 1), 403), ((2, 1), 200)]
)
def test_of_a_record_that_does_not_say_only_its_counts_tell_what_is_masked(
    detector: Detector, place: Site, store: CaseStore, counts: tuple[int, int], status: int
) -> None:
    with serving(detector, place, store) as client:
        _, answer = send(client, jpeg(), **HERE)
        link = evidence(answer)["url"]
        with store.database.write() as session:
            row = session.get(PhotoRow, answer["id"])
            assert row is not None
            document = json.loads(row.document)
            kept = document["images"][0]["evidence"]
            assert (kept.pop("heads_masked"), kept.pop("plates_masked")) == (True, True)
            kept["mask_counts"] = dict(zip(("heads", "plates"), counts, strict=True))
            row.document = json.dumps(document)
        assert client.get(link).status_code == status
        shown = evidence(client.get(f"/v1/photos/{answer['id']}").json())
        assert shown["withheld"] == (None if status == 200 else "not masked")


def file(store: CaseStore, *cases: Case) -> None:
    for case in cases:
        store.commit_look(
            camera="gate", stream="live", filings=[case], state=None, targets=(), now=START
        )


def test_links_to_what_a_camera_took_before_lead_nowhere(
    detector: Detector, place: Site, store: CaseStore
) -> None:
    """Also to a scene that the case does not list any more: it has the first and the latest."""
    loose = masking(place, heads=True, plates=False)
    scenes = [
        picture(place, suffix=suffix, content=b"masked " + bytes([i]))
        for i, suffix in enumerate(("", "-1", "-2"))
    ]
    seen = (300.0, 2200.0, 4200.0)
    sites = (loose, loose, place)
    filings = [
        case_of(site, 0, "updated" if i else "new", seen_s=seen[i], evidence=(scenes[i],))
        for i, site in enumerate(sites)
    ]
    names = [str(scene.file) for scene in scenes]
    now = datetime.now(UTC)

    def fetched(client: TestClient) -> list[int]:
        return [client.get(evidence_url("", n, SECRET, now=now)).status_code for n in names]

    file(store, *filings[:2])
    with serving(detector, loose, store) as before:
        assert fetched(before) == [200] * 3
    with serving(detector, place, store) as strict:
        assert fetched(strict) == [403] * 3
        file(store, filings[2])
        listed = [item.file for item in store.case(filings[0].id).case.evidence]
        assert listed == [names[0], names[2]]
        assert fetched(strict) == [403, 403, 200]


def test_a_photo_that_joins_a_case_in_which_more_is_masked_is_withheld_there(
    detector: Detector, place: Site, store: CaseStore
) -> None:
    file(store, case_of(place, evidence=(picture(place),)))
    with serving(detector, masking(place, heads=True, plates=False), store) as loose:
        _, answer = send(loose, jpeg(), **{**WANTED, "category": "blocked_lane"})
        assert answer["case"]["joined"]
    with serving(detector, place, store) as strict:
        scene, photo = strict.get(f"/v1/cases/{answer['case']['id']}").json()["evidence"]
    assert (scene["withheld"], photo["withheld"]) == (None, "not masked")
