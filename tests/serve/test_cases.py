"""Cases over HTTP: what the desk lists, reads and says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from cv.access.roles import Role
from cv.cases.store import CaseStore
from cv.cases.tables import AdoptedRow
from cv.detect.detector import Detector
from serve.app import create_app
from serve.case_answers import CaseAnswer, CasesAnswer
from tests.cases.filings import GATE, START, case_of, incident, picture, site_in
from tests.serve.conftest import LIMITS
from tests.serve.desks import NOW, Service, service

CONFIRMED = {"state": "confirmed"}
MISTAKEN = {"state": "rejected", "reason": "mistaken"}


class Desk(Service):
    """Used by two colleagues, 王 and 李."""

    def get(self, path: str, who: str = "王", **headers: str) -> Any:
        return self.client.get(path, headers={"X-API-Key": self.keys[who], **headers})

    def review(self, word: object, number: int = 0, who: str = "王", **headers: str) -> Any:
        headers["X-API-Key"] = self.keys[who]
        path = f"/v1/cases/{incident(number).id}/review"
        return self.client.post(path, json=word, headers=headers)

    def listed(self, query: str = "") -> list[str]:
        answer = self.get(f"/v1/cases?{query}")
        assert answer.status_code == 200, answer.text
        return [case["id"] for case in answer.json()["cases"]]


@pytest.fixture(scope="module")
def opened(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    data = tmp_path_factory.mktemp("desk") / "data"
    holders = dict.fromkeys(("王", "李"), Role.OPERATE)
    with service(detector, data, holders) as running:
        yield Desk(running.client, running.store, running.site, running.keys)


@pytest.fixture
def desk(opened: Desk) -> Desk:
    opened.empty()
    return opened


def ids(*numbers: int) -> list[str]:
    return [incident(number).id for number in numbers]


def test_cases_are_listed_the_latest_first(desk: Desk) -> None:
    assert desk.listed() == []
    desk.file(case_of(desk.site, 0), case_of(desk.site, 2), case_of(desk.site, 1))
    assert desk.listed() == ids(2, 1, 0)


def test_pages_follow_each_other_and_show_each_case_once(desk: Desk) -> None:
    desk.file(*(case_of(desk.site, number) for number in range(5)))
    address: str | None = "/v1/cases?limit=2&matter=blocked_lane"
    pages = []
    while address:
        answer = desk.get(address)
        pages.append([case["id"] for case in answer.json()["cases"]])
        address = answer.json()["next"]
        link = answer.headers.get("link")
        assert link == (f'<{address}>; rel="next"' if address else None)
        # What is filed while somebody reads does not move what follows.
        desk.file(case_of(desk.site, 5 + len(pages)))
    assert pages == [ids(4, 3), ids(2, 1), ids(0)]


def test_of_cases_that_began_at_once_none_is_left_out(desk: Desk) -> None:
    twins = [case_of(desk.site).model_copy(update={"id": f"kw-{n}"}) for n in range(4)]
    desk.file(*twins)
    first = desk.get("/v1/cases?limit=3").json()
    rest = desk.get(first["next"]).json()
    assert [c["id"] for c in first["cases"] + rest["cases"]] == [c.id for c in twins]


def test_each_filter_keeps_the_cases_that_it_names(desk: Desk) -> None:
    desk.file(case_of(desk.site, 0), case_of(desk.site, 60))
    desk.file(case_of(desk.site, 0, "cleared", seen_s=400))
    desk.file(case_of(desk.site, 120), targets=())
    assert desk.listed("state=open") == ids(120, 60)
    assert desk.listed("state=cleared") == ids(0)
    assert desk.listed("matter=exposed_garbage") == []
    assert desk.listed("camera=gate&limit=1") == ids(120)
    assert desk.listed("camera=elsewhere") == []
    assert GATE.lon is not None
    assert desk.listed(f"near={GATE.lon + 0.001},{GATE.lat},97&state=cleared") == ids(0)
    assert desk.listed(f"near={GATE.lon + 0.001},{GATE.lat},95") == []
    assert desk.listed("held=true") == ids(60, 0)
    assert desk.listed("dead=true") == []
    since = f"{START + timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"
    assert desk.listed(f"since={since}") == ids(120, 60)
    assert desk.listed(f"until={since}") == ids(0)
    assert desk.listed("since=0001-01-01T00:00:00%2B14:00") == ids(120, 60, 0)
    assert desk.listed("since=9999-12-31T23:59:59-12:00") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "state=shut", "matter=potholes", "since=yesterday",
        "since=2026-03-14T15:30:00", "cursor=guess", "held=perhaps", "offset=3", "camera=a%00b",
        "near=112.2,30.3", "near=181,30,10", "near=112.2,30.3,0", "since=20260314",
        "until=1773473400",
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_a_problem_that_names_the_field(desk: Desk, query: str) -> None:
    answer = desk.get(f"/v1/cases?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    name = query.partition("=")[0]
    assert name in answer.json()["detail"]
    assert name in answer.json()["detail_zh"]


def test_a_case_comes_with_its_deliveries_and_links_that_work(desk: Desk) -> None:
    desk.file(case_of(desk.site, evidence=(picture(desk.site),)))
    answer = desk.get(f"/v1/cases/{incident().id}").json()
    CaseAnswer.model_validate(answer)
    (delivery,) = answer["deliveries"]
    assert (delivery["target"], delivery["state"]) == ("webhook", "held")
    (item,) = answer["evidence"]
    assert item["file"] is None
    assert desk.client.get(item["url"]).content == b"a masked picture"


def test_a_picture_that_is_not_masked_has_no_link(desk: Desk) -> None:
    desk.file(case_of(desk.site, evidence=(picture(desk.site, masked=False),)))
    (item,) = desk.get(f"/v1/cases/{incident().id}").json()["evidence"]
    assert (item["url"], item["file"], item["withheld"]) == (None, None, "not masked")


def test_an_id_is_whole(desk: Desk) -> None:
    desk.file(case_of(desk.site))
    answer = desk.get(f"/v1/cases/{incident().id[:-1]}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "no such case"


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        (["*"], 304),
        ([' "other", W/{tag}'], 304),
        (['"other"', "{tag}"], 304),
        (["{tag}", '"other"'], 304),
        (['"other"'], 200),
        (['"*"'], 200),
        (['"a,*,b"'], 200),
    ],
)
def test_all_that_a_client_has_counts_in_as_many_lines_as_it_says_it(
    desk: Desk, tags: list[str], status: int
) -> None:
    tag = desk.get("/v1/labels").headers["etag"]
    lines = [("If-None-Match", line.replace("{tag}", tag)) for line in tags]
    key = ("X-API-Key", desk.keys["王"])
    assert desk.client.get("/v1/labels", headers=[key, *lines]).status_code == status


@pytest.mark.parametrize("path", ["/v1/cases", f"/v1/cases/{incident().id}"])
def test_what_is_as_it_was_is_not_sent_again(desk: Desk, path: str) -> None:
    desk.file(case_of(desk.site, evidence=(picture(desk.site),)))
    etag = desk.get(path).headers["etag"]
    same = desk.get(path, **{"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    desk.review(CONFIRMED)
    changed = desk.get(path, **{"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


def test_a_confirmed_case_is_let_go_under_the_name_of_the_key(desk: Desk) -> None:
    desk.file(case_of(desk.site))
    answer = desk.review(CONFIRMED, who="李")
    assert answer.status_code == 200
    review = answer.json()["review"]
    assert (review["state"], review["by"], review["reason"]) == ("confirmed", "李", None)
    assert [d["state"] for d in answer.json()["deliveries"]] == ["pending"]
    stored = desk.store.find(incident().id)
    assert stored and stored.case.review.by == "李"


def test_the_incident_that_a_citizens_case_goes_on_with_is_found_by_its_own_id(desk: Desk) -> None:
    """The watch tells its own id, and so do its log and the names of its pictures."""
    case = case_of(desk.site)
    desk.file(case)
    with desk.store.database.write() as session:
        session.add(AdoptedRow(id="kw-of-the-watch", case_id=case.id))
    path = "/v1/cases/kw-of-the-watch"
    assert desk.get(path).json()["id"] == case.id
    headers = {"X-API-Key": desk.keys["王"]}
    answer = desk.client.post(f"{path}/review", json=CONFIRMED, headers=headers)
    assert (answer.status_code, answer.json()["id"]) == (200, case.id)
    assert answer.json()["review"]["state"] == "confirmed"


def test_a_rejected_case_is_withdrawn(desk: Desk) -> None:
    desk.file(case_of(desk.site))
    answer = desk.review(MISTAKEN).json()
    assert (answer["review"]["state"], answer["review"]["reason"]) == ("rejected", "mistaken")
    assert [d["state"] for d in answer["deliveries"]] == ["withdrawn"]


@pytest.mark.parametrize(
    "word",
    [
        {}, [], "confirmed", {"state": "proposed"}, {"state": "rejected"},
        {"state": "rejected", "reason": "auto"}, {"state": "confirmed", "reason": "mistaken"},
        {"state": "confirmed", "by": "somebody else"}, {"state": "confirmed", "code5": ""},
        {"state": "confirmed", "code5": "99999"}, {"state": "confirmed", "code5": 9010},
        {"state": "rejected", "reason": "mistaken", "code5": "09010"},
    ],
)  # fmt: skip
def test_what_is_no_review_changes_nothing(desk: Desk, word: object) -> None:
    desk.file(case_of(desk.site))
    answer = desk.review(word)
    assert answer.status_code == 422
    assert answer.json()["detail_zh"]
    assert desk.get(f"/v1/cases/{incident().id}").json()["review"]["state"] == "proposed"


def test_it_may_be_filed_under_another_code(desk: Desk) -> None:
    desk.file(case_of(desk.site))
    answer = desk.review({"state": "confirmed", "code5": "09010"})
    assert answer.status_code == 200
    matter = answer.json()["matter"]
    assert (matter["code5"], matter["alternatives"][0]["code5"]) == ("09010", "09009")
    assert answer.json()["review"]["code5"] == "09010"
    wrong = desk.review({"state": "confirmed", "code5": "99999"})
    assert "choose one of 06010" in wrong.json()["detail"]
    assert "没有" in wrong.json()["detail_zh"]
    assert desk.get(f"/v1/cases/{incident().id}").json()["matter"] == matter


def test_a_review_is_no_picture(desk: Desk) -> None:
    answer = desk.review({"state": "confirmed", "note": "x" * 200_000})
    assert answer.status_code == 413
    assert "65536" in answer.json()["detail"]


def test_a_review_of_no_case_is_404(desk: Desk) -> None:
    assert desk.review(CONFIRMED, 7).status_code == 404


def test_another_review_is_not_overwritten_unseen(desk: Desk) -> None:
    desk.file(case_of(desk.site))
    seen = desk.get(f"/v1/cases/{incident().id}").headers["etag"]
    assert desk.review(MISTAKEN, who="李", **{"If-Match": seen}).status_code == 200
    late = desk.review(CONFIRMED, who="王", **{"If-Match": seen})
    assert late.status_code == 412
    assert "复核" in late.json()["detail_zh"]
    now = desk.get(f"/v1/cases/{incident().id}")
    assert now.json()["review"]["by"] == "李"
    # Who has read it may say otherwise; so may who does not ask.
    newer = {"If-Match": now.headers["etag"]}
    assert desk.review(CONFIRMED, who="王", **newer).json()["review"]["by"] == "王"
    assert desk.review(MISTAKEN, who="李").status_code == 200
    assert desk.review(CONFIRMED, who="王", **{"If-Match": "*"}).status_code == 200
    assert desk.review(MISTAKEN, **{"If-Match": 'W/"weak.tag"'}).status_code == 412
    current = desk.get(f"/v1/cases/{incident().id}").headers["etag"]
    lines = [("X-API-Key", desk.keys["王"]), ("If-Match", seen), ("If-Match", current)]
    path = f"/v1/cases/{incident().id}/review"
    assert desk.client.post(path, json=MISTAKEN, headers=lines).status_code == 200


def test_a_delivery_in_between_is_nobodys_review(desk: Desk) -> None:
    desk.file(case_of(desk.site), hold=False)
    seen = desk.get(f"/v1/cases/{incident().id}").headers["etag"]
    claim = desk.store.outbox.claim("webhook", NOW, 60)
    assert claim and desk.store.outbox.delivered(claim, NOW, "R-1")
    assert desk.get(f"/v1/cases/{incident().id}").headers["etag"] != seen
    assert desk.review(CONFIRMED, **{"If-Match": seen}).status_code == 200


def test_the_same_word_twice_is_one_review(desk: Desk) -> None:
    desk.file(case_of(desk.site))
    seen = desk.get(f"/v1/cases/{incident().id}").headers["etag"]
    first = desk.review(CONFIRMED, **{"If-Match": seen})
    # The answer was lost, so it is sent again as it was.
    again = desk.review(CONFIRMED, **{"If-Match": seen})
    assert again.status_code == 200
    assert again.json()["review"] == first.json()["review"]


def test_a_database_that_is_away_is_asked_again_later(desk: Desk) -> None:
    database = desk.store.database
    with database.write() as session:
        session.execute(text("ALTER TABLE outbox RENAME TO away"))
    try:
        answer = desk.get("/v1/cases?held=true")
    finally:
        with database.write() as session:
            session.execute(text("ALTER TABLE away RENAME TO outbox"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["detail_zh"]


def test_a_review_without_keys_has_no_author(detector: Detector, tmp_path: Path) -> None:
    site = site_in(tmp_path / "data")
    with CaseStore(site.reporting.data / "cases.sqlite") as store:
        client = TestClient(create_app(detector, site, limits=LIMITS, store=store))
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site)], state=None, targets=(), now=NOW
        )
        answer = client.post(f"/v1/cases/{incident().id}/review", json=CONFIRMED)
        assert answer.json()["review"]["by"] is None


def test_the_documented_example_is_a_case() -> None:
    example = json.loads(files("serve").joinpath("case_example.json").read_text())
    CaseAnswer.model_validate(example)
    CasesAnswer.model_validate({"cases": [example], "next": None})
