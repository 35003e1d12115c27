"""`kerbwatch cases ...`, as a person runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cv.cases.case import case_schema
from cv.cases.commands import app
from cv.cases.parts import ReportPart
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.errors import UserError
from tests.cases.filings import case_of, incident, picture, site_in

Run = Callable[..., Any]

SITE = """\
[site]
name = "沙市 Test"
division = "421002"
timezone = "Asia/Shanghai"
[reporting]
data = "data"
targets = {targets}
[[cameras]]
id = "gate"
name = "Gate"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "site.toml").write_text(SITE.replace("{targets}", '["spool"]'), encoding="utf-8")
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture
def filed(tmp_path: Path, run: Run) -> CaseStore:
    """Two cases in the folder of ./site.toml, one of them cleared."""
    site = site_in(tmp_path / "data")
    site.reporting.data.mkdir(exist_ok=True)
    with CaseStore(site.reporting.data / "cases.sqlite") as store:
        store.commit_look(
            camera="gate",
            stream="live",
            filings=[
                case_of(site, 1, evidence=(picture(site, 1),)),
                case_of(site, 2),
                case_of(site, 2, "cleared"),
            ],
            state=None,
            targets=["spool"],
            now=datetime.now(UTC),
        )
    return store


def test_before_the_first_case_it_says_so_and_makes_nothing(run: Run, tmp_path: Path) -> None:
    for words in (["list"], ["deliver"], ["retry", "--dead"]):
        result = run(*words)
        assert result.exit_code == 0
        assert "No cases yet" in result.output
    assert run("list", "--json").output == ""
    missing = run("show", "kw-1").exception
    assert isinstance(missing, UserError)
    assert "no such case" in str(missing)
    assert not (tmp_path / "data").exists()


def test_the_list_shows_where_things_stand(run: Run, filed: CaseStore) -> None:
    output = run("list").output
    assert incident(1).id[:11] in output
    assert "blocked_lane" in output
    assert "gate/kerb" in output
    assert "spool: new pending" in output
    rows = [
        json.loads(line) for line in run("list", "--json", "--state", "cleared").output.splitlines()
    ]
    assert [(row["id"], row["state"]) for row in rows] == [(incident(2).id, "cleared")]
    assert [d["event"] for d in rows[0]["deliveries"]] == ["new", "cleared"]
    assert "No such cases" in run("list", "--dead").output


@pytest.mark.parametrize("since", ["2026-03-14", "2026-03-14T15:36", "99999h", "0001-01-01"])
def test_since_takes_a_date_a_time_on_the_sites_clock_or_a_span(
    run: Run, filed: CaseStore, since: str
) -> None:
    assert incident(2).id[:11] in run("list", "--since", since).output
    assert "No such cases" in run("list", "--since", "2026-03-14T15:48").output


def test_since_that_is_none_is_one_line(run: Run, filed: CaseStore) -> None:
    result = run("list", "--since", "yesterday")
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == (
        "--since 'yesterday': write 24h, 30m, 2026-03-14 or 2026-03-14T15:30"
    )


def test_show_says_what_where_and_by_which_rule(run: Run, filed: CaseStore) -> None:
    output = run("show", incident(1).id[:12]).output
    for part in ("GB/T 47678.5-2026", "seen in 60% of the looks", "scene", "masked: 2 heads"):
        assert part in output
    document = json.loads(run("show", incident(1).id, "--json").output)
    assert document["evidence"][0]["role"] == "scene"
    assert document["filed_at"].endswith("+08:00")


def test_words_that_were_stored_with_control_characters_do_not_steer_the_terminal(
    run: Run, filed: CaseStore, tmp_path: Path
) -> None:
    site, said = site_in(tmp_path / "data"), "北\x1b]0;x\x07京\x9b2J\n路\u202e"
    case = case_of(site, 3)
    place = case.place.model_copy(update={"address": said})
    report = ReportPart(id="ph-1", captured=case.time.reported, address=said, description=said)
    with CaseStore(site.reporting.data / "cases.sqlite") as store:
        store.commit_look(
            camera="gate", stream="live", state=None, targets=["spool"], now=datetime.now(UTC),
            filings=[case.model_copy(update={"place": place, "reports": (report,)})],
        )  # fmt: skip
    for words in (["show", case.id], ["show", case.id, "--json"], ["list", "--json"]):
        output = run(*words).output
        assert [char for char in "\x1b\x07\x9b\u202e" if char in output] == []
    assert "北]0;x京2J 路" in run("show", case.id).output
    document = json.loads(run("show", case.id, "--json").output)
    assert document["place"]["address"] == said


def test_deliver_puts_cases_where_the_site_says_and_a_second_time_has_nothing_to_do(
    run: Run, filed: CaseStore, tmp_path: Path
) -> None:
    result = run("deliver")
    assert result.exit_code == 0
    assert result.output.strip() == "3 messages delivered"
    folder = tmp_path / "data/spool" / incident(2).id
    assert sorted(path.name for path in folder.iterdir()) == ["cleared.json", "new.json"]
    assert run("deliver").output.strip() == "0 messages delivered"
    assert "spool: cleared delivered" in run("list").output


def test_what_fails_is_exit_1_and_waits_and_retry_makes_it_due(
    run: Run, filed: CaseStore, tmp_path: Path
) -> None:
    (tmp_path / "data/spool").write_text("in the way")
    result = run("deliver")
    assert result.exit_code == 1
    assert "0 messages delivered, 2 failed, 3 waiting, next at" in result.output
    shown = " ".join(run("show", incident(1).id).output.split())  # a long path breaks the line
    assert "Not a directory" in shown
    (tmp_path / "data/spool").unlink()
    again = run("retry", incident(1).id[:12])
    assert "1 message due now; deliver with: kerbwatch cases deliver" in again.output
    assert run("deliver").output.startswith("1 message delivered")


def test_whoever_wants_more_cases_than_can_be_counted_gets_all(run: Run, filed: CaseStore) -> None:
    listed = run("list", "--json", "--limit", "9" * 30)
    assert (listed.exit_code, len(listed.output.splitlines())) == (0, 2)


def test_who_keeps_delivering_to_nobody_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE.replace("{targets}", "[]"), encoding="utf-8")
    result = run("deliver", "--watch")
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == "--watch: reporting.targets names nobody to deliver to"


def test_ctrl_c_ends_a_delivery_of_many_after_the_one_that_has_begun(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            os.kill(os.getpid(), signal.SIGINT)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    site = site_in(tmp_path / "data")
    with CaseStore(tmp_path / "data/cases.sqlite") as store:
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site, n) for n in range(100)],
            state=None, targets=["webhook"], now=datetime.now(UTC),
        )  # fmt: skip
    monkeypatch.setenv("KERBWATCH_WEBHOOK_SECRET", "whsec_" + "A" * 32)
    with ThreadingHTTPServer(("127.0.0.1", 0), Interrupting) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        text = SITE.replace("{targets}", '["webhook"]')
        text += f'[reporting.webhook]\nurl = "http://127.0.0.1:{receiver.server_address[1]}/"\n'
        (tmp_path / "site.toml").write_text(text, encoding="utf-8")
        result = run("deliver")
        receiver.shutdown()
    assert result.exit_code == 0
    delivered, waiting = (int(n) for n in re.findall(r"(\d+) (?:message|waiting)", result.output))
    assert delivered + waiting == 100
    assert waiting > 0


def test_retry_wants_cases_or_dead_letters(run: Run, filed: CaseStore) -> None:
    for words in ([], [incident(1).id, "--dead"]):
        result = run("retry", *words)
        assert isinstance(result.exception, UserError)
        assert "give ids of cases, or --dead" in str(result.exception)


def test_a_webhook_without_its_secret_is_one_line(
    run: Run, filed: CaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERBWATCH_WEBHOOK_SECRET", raising=False)
    text = SITE.replace("{targets}", '["webhook"]')
    text += '[reporting.webhook]\nurl = "https://city.example/cases"\n'
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    result = run("deliver")
    assert "KERBWATCH_WEBHOOK_SECRET is not set" in str(result.exception)


def test_the_schema_is_printed_as_json(run: Run) -> None:
    assert json.loads(run("schema").output) == case_schema()


class TestReview:
    def test_a_word_is_kept_and_shown(self, run: Run, filed: CaseStore) -> None:
        case = incident(1).id
        assert "1 case confirmed" in run("review", case[:12], "--confirm", "--by", "li").output
        assert "confirmed by li" in run("show", case).output
        assert run("review", case, "--reject", "permitted", "--by", "wu").exit_code == 0
        review = json.loads(run("show", case, "--json").output)["review"]
        assert (review["state"], review["reason"], review["by"]) == ("rejected", "permitted", "wu")
        assert review["at"].endswith("+08:00")

    def test_it_can_be_filed_under_another_code(self, run: Run, filed: CaseStore) -> None:
        case = incident(1).id
        word = run("review", case, "--confirm", "--code", "09010", "--by", "li")
        assert word.output.startswith("1 case confirmed under 09010")
        shown = run("show", case).output
        assert "09010" in shown
        assert "filed under 09010 by li" in shown
        assert json.loads(run("show", case, "--json").output)["matter"]["code5"] == "09010"

    def test_with_a_code_that_fits_none_nothing_is_reviewed(
        self, run: Run, filed: CaseStore
    ) -> None:
        result = run("review", incident(1).id, "--confirm", "--code", "9010")
        assert "'9010': cases are not filed under it" in str(result.exception)
        result = run("review", incident(1).id, "--reject", "mistaken", "--code", "09010")
        assert str(result.exception) == "--code goes with --confirm"
        shown = json.loads(run("show", incident(1).id, "--json").output)
        assert shown["review"]["state"] == "proposed"

    def test_nothing_is_reviewed_when_one_of_the_cases_is_unknown(
        self, run: Run, filed: CaseStore
    ) -> None:
        result = run("review", incident(1).id, "kw-none", "--confirm")
        assert "'kw-none': no such case" in str(result.exception)
        shown = json.loads(run("show", incident(1).id, "--json").output)
        assert shown["review"]["state"] == "proposed"

    @pytest.mark.parametrize("words", [[], ["--confirm", "--reject", "mistaken"]])
    def test_it_is_one_or_the_other(self, run: Run, filed: CaseStore, words: list[str]) -> None:
        result = run("review", incident(1).id, *words)
        assert str(result.exception) == "give --confirm, or --reject with a reason"

    def test_where_reviews_come_first_a_case_waits_for_one(self, run: Run, tmp_path: Path) -> None:
        site = site_in(tmp_path / "data")
        site.reporting.data.mkdir()
        with CaseStore(site.reporting.data / "cases.sqlite") as store:
            store.commit_look(
                camera="gate",
                stream="live",
                filings=[case_of(site, 1), case_of(site, 2)],
                state=None,
                targets=["spool"],
                now=datetime.now(UTC),
                hold=True,
            )
        told = run("deliver").output
        assert "0 messages delivered, 2 held for review (see kerbwatch cases list --held)" in told
        assert "spool: new held" in run("list", "--held").output
        sure = run("review", incident(1).id, "--confirm")
        due = "1 message due now; deliver with: kerbwatch cases deliver"
        assert sure.output.strip() == f"1 case confirmed; {due}"
        wrong = run("review", incident(2).id, "--reject", "mistaken")
        assert wrong.output.strip() == "1 case rejected; 1 message withdrawn"
        assert "No such cases" in run("list", "--held").output
        assert run("deliver").output.strip() == "1 message delivered"
        assert [path.name for path in (tmp_path / "data/spool").iterdir()] == [incident(1).id]
        none = run("review", incident(1).id, "--reject", "permitted")
        assert none.output.strip().endswith(f"1 case rejected; {due}"), "the spool has it"
        assert run("deliver").output.strip() == "1 message delivered"
        (_, second) = sorted((tmp_path / "data/spool" / incident(1).id).glob("*.json"))
        assert json.loads(second.read_text())["review"]["reason"] == "permitted"

    def test_what_is_filed_later_carries_it(self, filed: CaseStore, tmp_path: Path) -> None:
        site = site_in(tmp_path / "data")
        now = datetime.now(UTC)
        filed.review(incident(1).id, review_of(RejectReason.HANDLED, "li", now))
        cleared = case_of(site, 1, "cleared")
        filed.commit_look(
            camera="gate", stream="live", filings=[cleared], state=None, targets=["spool"], now=now
        )
        stored = filed.case(incident(1).id).case
        assert (stored.state, stored.review.reason) == ("cleared", "handled")


def test_what_is_left_to_review_is_listed_and_a_word_that_is_replaced_is_told(
    run: Run, filed: CaseStore
) -> None:
    left = {
        json.loads(row)["id"]
        for row in run("list", "--review", "proposed", "--json").output.splitlines()
    }
    assert {incident(1).id, incident(2).id} <= left
    run("review", incident(1).id, "--confirm", "--by", "li")
    word = run("review", incident(1).id, "--reject", "mistaken", "--by", "wang").output
    assert f"{incident(1).id} was confirmed by li; this word replaces that" in word
    assert "rejected" in run("list", "--review", "rejected").output
    (row,) = run("list", "--review", "rejected", "--json").output.splitlines()
    assert json.loads(row)["id"] == incident(1).id
    after = run("list", "--review", "proposed", "--json").output
    assert incident(1).id not in after


def test_messages_for_a_target_that_the_site_names_no_more_are_told(
    run: Run, filed: CaseStore, tmp_path: Path
) -> None:
    site = site_in(tmp_path / "data")
    with CaseStore(tmp_path / "data/cases.sqlite") as store:
        store.commit_look(
            camera="gate", stream="live", filings=[case_of(site, 7)], state=None,
            targets=["webhook"], now=datetime.now(UTC),
        )  # fmt: skip
    result = run("deliver")
    assert result.exit_code == 1
    assert "1 message waiting for webhook, which reporting.targets does not name" in result.output


def test_a_person_closes_a_case_and_the_first_word_stays(run: Run, filed: CaseStore) -> None:
    result = run("close", incident(1).id, "--note", "摊位已劝离", "--by", "li")
    assert (result.exit_code, result.output) == (0, "1 case closed\n")
    again = run("close", incident(1).id, incident(2).id, "--by", "wang")
    assert again.output == "1 case closed, 1 before\n"
    shown = run("show", incident(1).id).output
    assert "by li 摊位已劝离" in shown
    listed = run("list", "--state", "closed", "--json").output.splitlines()
    assert {json.loads(line)["closure"]["by"] for line in listed} == {"li", "wang"}
    assert run("list", "--state", "open", "--json").output == ""


@pytest.mark.parametrize(
    "words",
    [
        ("close", "--note", "摊位已劝离"),
        ("close", "--by", "王"),
        ("review", "--confirm", "--by", "王"),
    ],
)
def test_words_in_another_encoding_than_utf_8_are_refused_and_nothing_is_done(
    run: Run, filed: CaseStore, words: tuple[str, ...]
) -> None:
    """From a terminal that is set to GBK; so Python hands over what is no UTF-8."""
    *before, text = words
    result = run(*before, os.fsdecode(text.encode("gbk")), incident(1).id)
    assert isinstance(result.exception, UserError)
    assert "not UTF-8 text" in str(result.exception)
    case = filed.case(incident(1).id).case
    assert (case.review.state, case.closure) == ("proposed", None)


def test_what_waited_for_a_review_of_a_closed_case_is_withdrawn(
    run: Run, filed: CaseStore, tmp_path: Path
) -> None:
    site = site_in(tmp_path / "data")
    filed.commit_look(
        camera="gate", stream="live", filings=[case_of(site, 3)], state=None,
        targets=["spool"], now=datetime.now(UTC), hold=True,
    )  # fmt: skip
    assert run("close", incident(3).id).output == "1 case closed; 1 message withdrawn\n"
    assert run("list", "--held", "--json").output == ""


def test_who_has_a_case_that_no_camera_clears_is_told_that_it_is_closed(
    run: Run, filed: CaseStore
) -> None:
    """The camera of this site has no zones any more."""
    assert run("deliver").exit_code == 0
    said = run("close", incident(1).id, incident(2).id).output
    assert said == "2 cases closed; 1 message due now; deliver with: kerbwatch cases deliver\n"
    assert [d.event for d in filed.deliveries(incident(1).id)] == ["new", "updated"]
    assert [d.event for d in filed.deliveries(incident(2).id)] == ["new", "cleared"]
