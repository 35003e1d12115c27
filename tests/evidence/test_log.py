"""The log of evidence: a chain that several processes write, and nobody changes unseen."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text
from typer.testing import CliRunner

from cv.cases.case import Case
from cv.cases.store import CaseStore
from cv.cli import app
from cv.errors import KerbwatchError, UserError
from cv.evidence.chain import Verdict, verify_chain
from cv.evidence.log import Event, EvidenceLog, original_read
from cv.evidence.originals import frame_file, open_originals
from cv.evidence.sealing import KEY_VARIABLE, new_key
from cv.site import Site
from tests.cases.filings import START, case_of, incident, picture, site_in

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def view(number: int) -> Event:
    return Event(
        action="view", outcome="served", who="link", what=f"evidence/{number}", address="10.0.0.1"
    )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path / "data")


@pytest.fixture
def log(store: CaseStore) -> EvidenceLog:
    made = EvidenceLog(store.database)
    for number in range(6):
        made.write(view(number), now=NOW + timedelta(minutes=number))
    return made


def verdict(log: EvidenceLog, head: str | None = None) -> Verdict:
    return verify_chain(log.rows(), head=head)


def change(store: CaseStore, statement: str, **values: object) -> None:
    with store.database.write() as session:
        session.execute(text(statement), values)


@pytest.mark.both_databases
def test_each_entry_holds_the_hash_of_the_line_before_it(log: EvidenceLog) -> None:
    lines = list(log.lines())
    previous = "0" * 64
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        assert (entry["seq"], entry["previous"]) == (number, previous)
        previous = hashlib.sha256(line.encode()).hexdigest()
    assert verdict(log) == Verdict(6, previous)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("update evidence_log set entry = replace(entry, '10.0.0.1', '10.0.0.2') where seq = 3",
         "entry 3 was changed: its hash"),
        ("update evidence_log set what = 'evidence/9' where seq = 2", "entry 2 was changed"),
        ("update evidence_log set at = '2020-01-01 00:00:00' where seq = 4", "entry 4 was"),
        ("delete from evidence_log where seq = 4", "entry 4 is missing"),
        ("delete from evidence_log where seq <= 2", "entry 1 is missing, as are all up to 2"),
        ("update evidence_log set entry = 'x', hash = "
         "'2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881' where seq = 5",
         "entry 5 is no entry"),
    ],
)  # fmt: skip
@pytest.mark.both_databases
def test_what_was_changed_is_found_and_named(
    store: CaseStore, log: EvidenceLog, statement: str, found: str
) -> None:
    change(store, statement)
    verified = verdict(log)
    assert f"entry {verified.broken} {verified.why}".startswith(found)


def test_a_broken_log_is_an_exit_status_for_programs(
    store: CaseStore, log: EvidenceLog, site: Site
) -> None:
    arguments = ["evidence", "verify", "--data", str(site.reporting.data)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    change(store, "delete from evidence_log where seq = 4")
    told = CliRunner().invoke(app, arguments)
    assert (told.exit_code, str(told.exception)) == (1, "entry 4 is missing")


@pytest.mark.both_databases
def test_an_entry_made_anew_with_its_hash_breaks_the_next(
    store: CaseStore, log: EvidenceLog
) -> None:
    forged = list(log.lines())[2].replace("10.0.0.1", "10.0.0.2")
    change(
        store,
        "update evidence_log set entry = :entry, hash = :hash where seq = 3",
        entry=forged,
        hash=hashlib.sha256(forged.encode()).hexdigest(),
    )
    assert verdict(log).broken == 4


def test_a_head_that_was_noted_tells_when_the_end_is_cut_off(
    store: CaseStore, log: EvidenceLog, site: Site
) -> None:
    arguments = ["evidence", "verify", "--data", str(site.reporting.data)]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0
    head = told.stdout.split()[-1]
    log.write(view(7))
    assert verdict(log, head).broken is None
    change(store, "delete from evidence_log where seq >= 6")
    assert verdict(log).broken is None, "what is left holds together"
    assert verdict(log, head).broken == 6
    assert CliRunner().invoke(app, [*arguments, "--head", head]).exit_code == 1


def test_a_head_that_is_not_written_whole_is_no_sign_of_a_change(
    log: EvidenceLog, site: Site
) -> None:
    verify = ["evidence", "verify", "--data", str(site.reporting.data), "--head"]
    head = verdict(log).head
    assert CliRunner().invoke(app, [*verify, f" {head.upper()}"]).exit_code == 0
    for odd in (head[:12], f"{head}0", "all"):
        told = CliRunner().invoke(app, [*verify, odd]).exception
        assert isinstance(told, UserError)
        assert "64 characters" in str(told)


@pytest.mark.both_databases
def test_a_head_of_an_entry_that_was_pruned_says_so(log: EvidenceLog) -> None:
    heads = [row.hash for row in log.rows()]
    later = NOW + timedelta(days=400, minutes=3)
    assert log.prune(later - timedelta(days=400), "user root", now=later) == 3
    for held in heads[2:]:
        assert verdict(log, held).broken is None, "the chain goes on from the last that was pruned"
    why = verdict(log, heads[0]).why
    assert why.endswith("unless it was noted before 2026-11-27: such entries are pruned")


@pytest.mark.both_databases
def test_processes_that_write_at_once_make_one_chain(
    store: CaseStore, store_place: Path | str
) -> None:
    code = (
        "import sys; from cv.cases.database import Database\n"
        "from cv.evidence.log import Event, EvidenceLog\n"
        "log = EvidenceLog(Database(sys.argv[1]))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for n in range(20):\n"
        "    log.write(Event(action='view', outcome='served', who=sys.argv[2], what=str(n)))\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(store_place), who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in ("one", "two", "three")
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.communicate("go\n")
    assert [process.returncode for process in running] == [0] * 3
    log = EvidenceLog(store.database)
    assert verdict(log).count == 60
    assert verdict(log).broken is None
    entries = [json.loads(line) for line in log.lines()]
    for who in ("one", "two", "three"):
        assert [e["what"] for e in entries if e["who"] == who] == [str(n) for n in range(20)]


def test_a_write_that_fails_leaves_nothing_of_itself(log: EvidenceLog, store: CaseStore) -> None:
    with store.database.read() as session:
        pages = session.scalar(text("pragma page_count"))
    # SQLite then says SQLITE_FULL, as it does when the disk is.
    event.listen(
        store.database._engine,
        "connect",
        lambda raw, _: raw.execute(f"pragma max_page_count = {pages + 8}"),
    )
    store.database._engine.dispose()
    large = view(8).model_copy(update={"what": "x" * 1_000_000})
    with pytest.raises(KerbwatchError, match="full"):
        log.write(view(7), large)
    assert verdict(log).count == 6
    log.write(view(7))
    assert verdict(log).broken is None


@pytest.mark.both_databases
def test_old_entries_leave_in_one_piece_and_the_chain_still_holds(log: EvidenceLog) -> None:
    later = NOW + timedelta(days=400, minutes=3)
    assert log.prune(later - timedelta(days=400), "user root", now=later) == 3
    found = verdict(log)
    assert (found.count, found.broken) == (4, None)
    assert log.prune(later - timedelta(days=400), "user root", now=later) == 0
    much_later = later + timedelta(days=400)
    log.write(view(8), now=much_later)
    assert log.prune(much_later - timedelta(days=200), "user root", now=much_later) == 4
    assert verdict(log).broken is None
    assert json.loads(next(log.lines()))["what"] == "evidence/8"


@pytest.mark.both_databases
def test_a_log_of_which_all_is_old_says_so_in_its_only_entry(log: EvidenceLog) -> None:
    later = NOW + timedelta(days=401)
    assert log.prune(later - timedelta(days=400), "user root", now=later) == 6
    (line,) = log.lines()
    assert json.loads(line)["count"] == 6
    assert verdict(log).broken is None


@pytest.mark.both_databases
def test_entries_of_six_months_stay(log: EvidenceLog, store: CaseStore) -> None:
    later = NOW + timedelta(days=179)
    with pytest.raises(ValueError, match="six months"):
        log.prune(later - timedelta(days=179), "user root", now=later)
    # And pruning that was done some other way is no excuse.
    last = [json.loads(line) for line in log.lines()][2]
    gone = Event(
        action="prune", outcome="done", who="user root", what="log entries up to 2",
        sha256=last["previous"], stored=NOW, count=2,
    )  # fmt: skip
    log.write(gone, now=later)
    change(store, "delete from evidence_log where seq <= 2")
    assert verdict(log).broken == 7
    assert "six months" in verdict(log).why


def test_the_log_is_shown_to_people_and_to_programs(log: EvidenceLog, site: Site) -> None:
    arguments = ["evidence", "log", "--data", str(site.reporting.data), "--since", "2026-11-27"]
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert "evidence/5" in shown.stdout
    assert "10.0.0.1" in shown.stdout
    lines = CliRunner().invoke(app, [*arguments, "--json"]).stdout.splitlines()
    assert lines == list(log.lines())
    since = CliRunner().invoke(app, [*arguments[:-1], "2030-01-01"])
    assert "Nobody saw anything" in since.stdout


def test_a_reason_is_shown_as_it_was_given_whatever_it_looks_like(
    store: CaseStore, site: Site
) -> None:
    reason = "complaint [/118] [red]\x1b[2J"
    EvidenceLog(store.database).write(original_read("originals/1.jpg", "key k-1", reason), now=NOW)
    arguments = ["evidence", "log", "--data", str(site.reporting.data), "--since", "2026-11-27"]
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert "complaint [/118] [red][2J" in shown.stdout
    assert "\x1b" not in shown.stdout


def with_picture(store: CaseStore, site: Site, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A stored case with a picture, in a process that has the originals' key."""
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    case = case_of(site, evidence=(picture(site),))
    store.commit_look(
        camera="gate", stream="live", filings=[case], state=None, targets=(), now=START
    )
    return case


def test_an_original_on_the_command_line_is_for_a_reason_and_logged(
    store: CaseStore, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = with_picture(store, site, monkeypatch)
    kept = open_originals(site.reporting.data)
    file = kept.keep(frame_file("originals", "gate", incident().confirmed_at), b"unmasked")
    out = tmp_path / "out.jpg"
    arguments = ["evidence", "original", case.id[:10], "--data", str(site.reporting.data)]
    arguments += ["-o", str(out), "--reason"]
    assert CliRunner().invoke(app, [*arguments, "  x "]).exception is not None
    assert not out.exists()
    result = CliRunner().invoke(app, [*arguments, "复核投诉"])
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == b"unmasked"
    assert out.stat().st_mode & 0o077 == 0
    (line,) = EvidenceLog(store.database).lines()
    entry = json.loads(line)
    assert (entry["what"], entry["reason"]) == (file, "复核投诉")
    assert entry["who"].startswith("user ")
    again = CliRunner().invoke(app, [*arguments, "复核投诉"])
    assert "exists already" in str(again.exception)


def test_an_original_for_which_there_is_no_room_leaves_no_part_and_can_be_asked_for_again(
    store: CaseStore, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = with_picture(store, site, monkeypatch)
    kept = open_originals(site.reporting.data)
    kept.keep(frame_file("originals", "gate", incident().confirmed_at), b"unmasked")
    out = tmp_path / "out.jpg"
    arguments = ["evidence", "original", case.id, "--data", str(site.reporting.data)]
    arguments += ["-o", str(out), "--reason", "复核投诉"]
    whole = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        whole(path, content[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        told = CliRunner().invoke(app, arguments).exception
    assert "No space left" in str(told)
    assert not out.exists()
    assert CliRunner().invoke(app, arguments).exit_code == 0


def test_an_original_that_the_command_line_does_not_get_is_logged_as_well(
    store: CaseStore, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = with_picture(store, site, monkeypatch)

    def ask(named: str) -> str:
        arguments = ["--data", str(site.reporting.data), "-o", str(tmp_path / "out.jpg")]
        asked = ["evidence", "original", named, *arguments, "--reason", "复核投诉"]
        return str(CliRunner().invoke(app, asked).exception)

    assert "mounted?" in ask(case.id), "no original is there at all"
    file = frame_file("originals", "gate", incident().confirmed_at)
    other = frame_file("originals", "gate", incident().confirmed_at + timedelta(hours=1))
    open_originals(site.reporting.data).keep(other, b"")
    for named, told, outcome, what in (
        (case.id, "is deleted", "gone", f"{case.id}/scene"),
        (f"{case.id}/crop", "no picture", "refused", f"{case.id}/crop"),
        ("kw-nothing", "no such case", "refused", "kw-nothing"),
        ("ph-nothing", "no such case", "refused", "ph-nothing"),
    ):
        assert told in ask(named)
        entry = json.loads(list(EvidenceLog(store.database).lines())[-1])
        assert (entry["action"], entry["outcome"], entry["what"]) == ("original", outcome, what)
        assert entry["reason"] == "复核投诉"
    kept = open_originals(site.reporting.data).keep(file, b"unmasked")
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    ask(case.id)
    entry = json.loads(list(EvidenceLog(store.database).lines())[-1])
    assert (entry["outcome"], entry["what"]) == ("unreadable", kept)
    assert not (tmp_path / "out.jpg").exists()


def test_looking_makes_no_store(tmp_path: Path) -> None:
    for command in (["log"], ["verify"], ["original", "kw-1", "--reason", "none", "-o", "x"]):
        result = CliRunner().invoke(app, ["evidence", *command, "--data", str(tmp_path)])
        assert "does not exist" in str(result.exception)
    assert list(tmp_path.iterdir()) == []
