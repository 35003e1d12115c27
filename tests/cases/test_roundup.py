"""Cases as issues of a real Roundup tracker, over a network that loses answers."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cv.cases.case import Case
from cv.cases.closing import ASK_EVERY_S
from cv.cases.filter import CaseFilter
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.targets import Message, UnreachableError, build_targets
from cv.cases.targets.roundup import RoundupTarget
from cv.detect.incident import Event
from cv.errors import DeliveryError, SiteError
from cv.site import Privacy, Roundup, Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import START, case_of, incident, picture
from tests.lossy_proxy import Fate, LossyProxy
from tests.roundup_tracker import PASSWORD, RoundupTracker, install


@pytest.fixture(scope="session")
def empty_tracker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracker to copy: setting one up takes three seconds."""
    home = tmp_path_factory.mktemp("roundup") / "tracker"
    install(home)
    return home


@pytest.fixture
def proxy() -> Iterator[LossyProxy]:
    network = LossyProxy()
    yield network
    network.let_go()
    network.stop()


@pytest.fixture
def tracker(tmp_path: Path, empty_tracker: Path, proxy: LossyProxy) -> Iterator[RoundupTracker]:
    shutil.copytree(empty_tracker, tmp_path / "tracker")
    with RoundupTracker(tmp_path, proxy.url) as running:
        proxy.receiver_port = running.port
        yield running


def target(site: Site, proxy: LossyProxy) -> RoundupTarget:
    outgoing = Outgoing(site.reporting.data, site.privacy)
    return RoundupTarget(Roundup(proxy.url), PASSWORD, outgoing)


def message(case: Case) -> Message:
    return Message(case.key, case.state, case)


def posted(desk: RoundupTarget, case: Case) -> str:
    """The number of the issue that a case becomes."""
    number = desk.deliver(message(case)).number
    assert number is not None
    return number


def rejection(site: Site) -> Message:
    word = review_of(RejectReason.PERMITTED, "li", START)
    return message(case_of(site, event="updated", seen_s=900).model_copy(update={"review": word}))


def test_a_case_is_one_issue_with_its_pictures_its_changes_and_its_end(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    desk = target(site, proxy)
    first = case_of(site, evidence=(picture(site, content=b"\xff\xd8 the scene \x00"),))
    number = posted(desk, first)
    (issue,) = tracker.items("issue")
    assert "机动车乱停放" in issue["title"]
    assert "北京路侧街东侧" in issue["title"]
    assert issue["status"]["name"] == "unread"
    (file,) = tracker.items("file")
    assert (file["name"], file["type"]) == (f"{first.id}-scene.jpg", "image/jpeg")
    assert tracker.content(issue["files"][0]["id"]) == b"\xff\xd8 the scene \x00"
    (words,) = tracker.items("msg")
    assert words["messageid"] == f"<{first.key}@kerbwatch>"
    for part in ("42100209009", "112.255100, 30.312600 CGCS2000", "2026-03-14 15:30:00+08:00"):
        assert part in words["content"]

    tracker.set_status(number, "in-progress")
    later = case_of(site, event="updated", seen_s=900)
    assert desk.deliver(message(later)).number == number
    (issue,) = tracker.items("issue")
    assert issue["status"]["name"] == "in-progress", "a person's status stays"
    after = picture(site, role="after", content=b"an empty street")
    cleared = case_of(site, event="cleared", seen_s=900, evidence=(after,))
    assert desk.deliver(message(cleared)).number == number
    (issue,) = tracker.items("issue")
    assert issue["status"]["name"] == "resolved"
    assert len(issue["messages"]) == 3
    assert len(issue["files"]) == 2


@pytest.mark.slow
def test_questions_stay_short_however_long_a_case_goes_on(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    """A heap of three weeks has a thousand messages; web servers refuse addresses of 8 KB."""
    desk = target(site, proxy)
    case = case_of(site)
    number = posted(desk, case)
    for n in range(120):
        tracker.add_message(f"<{case.id}.updated.{n}@kerbwatch>")
    proxy.asked.clear()
    assert posted(desk, case_of(site, event="updated", seen_s=900)) == number
    assert len(tracker.items("issue")) == 1
    assert all(path.count("%2C") < 100 for _, path in proxy.asked)


def test_two_cases_are_two_issues(site: Site, proxy: LossyProxy, tracker: RoundupTracker) -> None:
    desk = target(site, proxy)
    numbers = {desk.deliver(message(case_of(site, n))).number for n in (1, 2)}
    assert len(numbers) == len(tracker.items("issue")) == 2


@pytest.mark.slow
def test_whichever_answer_is_lost_and_whoever_dies_of_it_there_is_one_issue(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    """Attempt n loses the answer to its n-th request; each is a new process, with no memory."""
    items = (picture(site), picture(site, role="before", content=b"earlier"))
    case = case_of(site, evidence=items)

    def lose(last: int) -> None:
        begun = len(proxy.asked)

        def fate(_method: str, _path: str) -> Fate:
            return "lose answer" if len(proxy.asked) - begun == last else "pass"

        proxy.fate = fate

    attempts = 0
    for attempts in range(1, 99):
        lose(attempts)
        try:
            number = target(site, proxy).deliver(message(case)).number
            break
        except UnreachableError:
            continue
    assert attempts > 7, "the test lost no answer"
    (issue,) = tracker.items("issue")
    assert number is not None
    assert [m["messageid"] for m in tracker.items("msg")] == [f"<{case.key}@kerbwatch>"]
    assert {f["name"] for f in tracker.items("file")} == {
        f"{case.id}-scene.jpg",
        f"{case.id}-before.jpg",
    }
    assert len(issue["files"]) == len(tracker.items("file")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["issue", "msg", "file"])
def test_a_request_that_arrives_after_the_next_attempt_began_makes_nothing_twice(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker, kind: str
) -> None:
    """The first attempt's request is on its way still: nothing to be found, nothing to repeat."""
    case = case_of(site, evidence=(picture(site),))
    desk = target(site, proxy)
    proxy.fate = lambda _method, path: "hold" if f"/{kind}/@poe/" in path else "pass"
    with pytest.raises(UnreachableError, match="no answer"):
        desk.deliver(message(case))
    assert tracker.items(kind) == []

    def fate(_method: str, path: str) -> Fate:
        if f"/{kind}/@poe/" in path:
            proxy.let_go()  # overtakes the second attempt, which has looked and found nothing
        return "pass"

    proxy.fate = fate
    with pytest.raises(DeliveryError, match=r"answered 400 .*POE token '\*\*\*' not valid"):
        desk.deliver(message(case))
    desk.deliver(message(case))
    assert len(tracker.items(kind)) == 1
    assert len(tracker.items("issue")) == 1


def test_a_tracker_that_was_down_gets_everything_when_it_comes_back(
    store: CaseStore, site: Site, file: File, clock: Clock, tracker: RoundupTracker
) -> None:
    tracker.stop()
    desk = RoundupTarget(Roundup(tracker.web), PASSWORD, Outgoing(site.reporting.data, Privacy()))
    with Outbox(store, [desk], clock=clock) as box:
        file(case_of(site, 0), case_of(site, 1), targets=["roundup"])
        assert box.deliver_due().delivered == 0
        file(case_of(site, 0, "cleared"), targets=["roundup"])
        clock.move(86400)
        tracker.start()
        assert box.deliver_due().delivered == 3
    titles = {row["title"]: row["status"]["name"] for row in tracker.items("issue")}
    assert sorted(titles.values()) == ["resolved", "unread"]
    stored = store.case(incident(0).id)
    assert stored.number is not None
    assert incident(0).id in tracker.items("issue", id=stored.number)[0]["title"]
    assert {d.number for d in stored.deliveries} == {stored.number}


def test_a_person_who_edits_at_the_same_moment_loses_nothing(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    desk = target(site, proxy)
    number = posted(desk, case_of(site))
    edits = iter(["chatting"])

    def fate(method: str, _path: str) -> Fate:
        if method == "PUT":
            for status in edits:  # just before our edit, once
                tracker.set_status(number, status)
        return "pass"

    proxy.fate = fate
    desk.deliver(message(case_of(site, event="updated", seen_s=900)))
    (issue,) = tracker.items("issue")
    assert issue["status"]["name"] == "chatting"
    assert len(issue["messages"]) == 2
    assert [method for method, _ in proxy.asked].count("PUT") == 2


def test_a_case_that_was_rejected_here_is_closed_there(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    desk = target(site, proxy)
    desk.deliver(message(case_of(site)))
    desk.deliver(rejection(site))
    (issue,) = tracker.items("issue")
    assert issue["status"]["name"] == "resolved"
    assert any("permitted 合规" in words["content"] for words in tracker.items("msg"))


def test_a_rejection_that_is_taken_back_opens_the_issue_again(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    """The tracker's own rule does it: a message about something resolved opens it."""
    desk = target(site, proxy)
    number = posted(desk, case_of(site))
    desk.deliver(rejection(site))
    assert desk.deliver(message(case_of(site, event="updated", seen_s=1200))).number == number
    (issue,) = tracker.items("issue")
    assert issue["status"]["name"] == "chatting"
    assert desk.closures([number]) == {number: None}


def test_a_picture_that_may_not_leave_stays_and_the_message_says_so(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    case = case_of(site, evidence=(picture(site, masked=False),))
    target(site, proxy).deliver(message(case))
    assert tracker.items("file") == []
    assert "Picture scene: withheld, not masked" in tracker.items("msg")[0]["content"]


def test_a_wrong_password_is_a_failed_delivery_that_shows_none(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    settings = Roundup(proxy.url)
    desk = RoundupTarget(settings, "wrong-password", Outgoing(site.reporting.data, site.privacy))
    with pytest.raises(DeliveryError, match="answered 401") as caught:
        desk.deliver(message(case_of(site)))
    shown = str(caught.value) + caplog.text + repr(settings)
    assert "wrong-password" not in shown
    assert "a2VyYndhdGNoOn" not in shown, "nor as Basic writes it"


def test_what_is_no_roundup_is_a_failed_delivery(site: Site, proxy: LossyProxy) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>welcome</html>")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Other)
    proxy.receiver_port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with pytest.raises(DeliveryError, match="is this a Roundup tracker"):
            target(site, proxy).deliver(message(case_of(site)))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_site_file_names_the_tracker_and_the_environment_the_password(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporting = replace(site.reporting, targets=("roundup",), roundup=Roundup(proxy.url))
    site = replace(site, reporting=reporting)
    monkeypatch.delenv("KERBWATCH_ROUNDUP_PASSWORD", raising=False)
    with pytest.raises(SiteError, match="KERBWATCH_ROUNDUP_PASSWORD is not set"):
        build_targets(site)
    monkeypatch.setenv("KERBWATCH_ROUNDUP_PASSWORD", PASSWORD)
    (desk,) = build_targets(site)
    assert desk.deliver(message(case_of(site))).number == "1"


def test_what_our_own_message_resolved_is_no_word_from_the_desk(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    desk = target(site, proxy)
    number = posted(desk, case_of(site))
    assert desk.closures([number]) == {number: None}
    desk.deliver(message(case_of(site, event="cleared", seen_s=900)))
    assert desk.closures([number]) == {}
    tracker.set_status(number, "chatting")
    assert desk.closures([number]) == {number: None}
    tracker.set_status(number, "resolved")
    assert desk.closures([number])[number] is not None


@pytest.mark.parametrize("event", ["updated", "cleared"])
def test_what_the_desk_resolved_stays_so_whatever_a_camera_tells_next(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker, event: Event
) -> None:
    """The tracker's own rule would open it again, and nobody would close it any more."""
    desk = target(site, proxy)
    number = posted(desk, case_of(site))
    tracker.set_status(number, "resolved")
    closed = desk.closures([number])
    desk.deliver(message(case_of(site, event=event, seen_s=900)))
    (issue,) = tracker.items("issue")
    assert (issue["status"]["name"], len(issue["messages"])) == ("resolved", 2)
    assert desk.closures([number]) == closed, "it is still the desk that closed it"

    closure = closed[number]
    later = case_of(site, event=event, seen_s=1800).model_copy(update={"closure": closure})
    anew = target(site, proxy)
    anew.deliver(Message(f"{later.key}.2", later.state, later))
    assert tracker.items("issue")[0]["status"]["name"] == "resolved"
    assert anew.closures([number]) == {}, "by then the store knows"
    tracker.set_status(number, "chatting")
    assert desk.closures([number]) == anew.closures([number]) == {number: None}


def test_what_was_rejected_here_stays_closed_there_whatever_comes_after_it(
    site: Site, proxy: LossyProxy, tracker: RoundupTracker
) -> None:
    desk = target(site, proxy)
    number = posted(desk, case_of(site))
    no = rejection(site)
    desk.deliver(no)
    cleared = case_of(site, event="cleared", seen_s=900)
    desk.deliver(message(cleared.model_copy(update={"review": no.case.review})))
    assert tracker.items("issue")[0]["status"]["name"] == "resolved"
    assert desk.closures([number]) == {}, "nobody there said so"


def test_what_people_resolve_there_is_closed_here_as_well(
    store: CaseStore, site: Site, clock: Clock, file: File, *, proxy: LossyProxy,
    tracker: RoundupTracker,
) -> None:  # fmt: skip
    file(case_of(site, 1), case_of(site, 2), targets=("roundup",))
    with Outbox(store, [target(site, proxy)], clock=clock) as box:
        assert box.deliver_due().closed == 0
        number = store.case(incident(1).id).number
        assert number is not None
        tracker.set_status(number, "resolved")
        clock.move(ASK_EVERY_S + 1)
        assert box.deliver_due().closed == 1
    closure = store.case(incident(1).id).case.closure
    assert closure is not None
    assert closure.by == "roundup"
    assert abs((datetime.now(UTC) - closure.at).total_seconds()) < 60
    assert [s.case.id for s in store.cases(CaseFilter(state="open"), limit=9)] == [incident(2).id]
    with Outbox(store, [target(site, proxy)], clock=clock) as box:
        tracker.set_status(number, "chatting")
        clock.move(ASK_EVERY_S + 1)
        box.deliver_due()
    assert store.case(incident(1).id).case.closure is None
