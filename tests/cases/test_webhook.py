"""The webhook, against a real receiver that checks signatures and events with their packages."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from cv.cases.case import Case, case_schema
from cv.cases.continued import continued
from cv.cases.conversation import Answer, Endpoint
from cv.cases.links import SECRET_VARIABLE, verify
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.store import CaseStore
from cv.cases.targets import Message, UnreachableError, build_targets
from cv.cases.targets.webhook import WebhookTarget, signing_secrets
from cv.errors import DeliveryError, SiteError
from cv.site import Site, Webhook
from tests.cases.conftest import Clock, File
from tests.cases.filings import case_of, incident, picture
from tests.webhook_receiver import WebhookReceiver

SECRET = WebhookReceiver.SECRET
NEXT_SECRET = "whsec_" + "QUFB" * 10
Start = Callable[..., WebhookReceiver]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a receiver that misbehaves as told."""
    running: list[WebhookReceiver] = []

    def begin(*failures: str, secret: str = SECRET) -> WebhookReceiver:
        running.append(WebhookReceiver(tmp_path, *failures, secret=secret))
        running[-1].start()
        return running[-1]

    yield begin
    for receiver in running:
        receiver.stop()


def message(case: Case) -> Message:
    return Message(case.key, case.state, case)


def target(site: Site, url: str, *secrets: str, timeout_s: float = 60) -> WebhookTarget:
    outgoing = Outgoing(site.reporting.data, site.privacy, "https://box.example", "s" * 20)
    return WebhookTarget(url, secrets or (SECRET,), outgoing, timeout_s=timeout_s)


def test_a_case_arrives_as_a_signed_cloud_event(site: Site, start: Start) -> None:
    receiver = start()
    case = case_of(site, evidence=(picture(site),))
    receipt = target(site, receiver.url).deliver(message(case))
    (row,) = receiver.received
    assert row["key"] == f"{case.id}.new"
    assert (row["type"], row["subject"]) == ("org.kerbwatch.case.new", case.id)
    assert row["source"] == "/%E6%B2%99%E5%B8%82%20Test/gate"
    assert receipt.number == f"JZ-{case.id[-6:]}"
    jsonschema.Draft202012Validator(case_schema()).validate(row["case"])
    assert row["case"]["time"]["first_seen"] == "2026-03-14T15:30:00+08:00"
    (item,) = row["case"]["evidence"]
    assert item["file"] is None
    token = item["url"].removeprefix("https://box.example/v1/evidence/")
    assert verify(token, "s" * 20) == f"evidence/{case.id}/scene.jpg"
    life = datetime.fromisoformat(item["expires"]) - datetime.now(UTC)
    assert timedelta(days=6.9) < life <= timedelta(days=7)
    assert item["expires"].endswith("+08:00")


def test_without_an_address_of_ours_there_are_no_links(site: Site, start: Start) -> None:
    receiver = start()
    case = case_of(site, evidence=(picture(site),))
    outgoing = Outgoing(site.reporting.data, site.privacy, "https://box.example", None)
    WebhookTarget(receiver.url, [SECRET], outgoing).deliver(message(case))
    (item,) = receiver.received[0]["case"]["evidence"]
    assert (item["url"], item["expires"], item["withheld"]) == (None, None, "no link")


def test_no_link_leads_to_a_picture_that_is_not_masked(site: Site, start: Start) -> None:
    receiver = start()
    case = case_of(site, evidence=(picture(site, masked=False),))
    target(site, receiver.url).deliver(message(case))
    (item,) = receiver.received[0]["case"]["evidence"]
    assert (item["url"], item["file"], item["withheld"]) == (None, None, "not masked")


def test_pictures_of_before_plates_were_masked_stay_once_they_are(site: Site, start: Start) -> None:
    def masking(*, plates: bool) -> Site:
        return replace(site, privacy=replace(site.privacy, plates=plates))

    receiver = start()
    earlier = case_of(masking(plates=False), evidence=(picture(site),))
    late = picture(site, role="after")
    case = continued(case_of(masking(plates=True), event="cleared", evidence=(late,)), earlier)
    target(masking(plates=True), receiver.url).deliver(message(case))
    before, after = receiver.received[0]["case"]["evidence"]
    assert (before["url"], before["withheld"]) == (None, "not masked")
    assert (after["role"], after["withheld"]) == ("after", None)


def test_a_receiver_with_another_secret_refuses(site: Site, start: Start) -> None:
    receiver = start()
    with pytest.raises(DeliveryError, match="answered 401 Unauthorized: not signed by you"):
        target(site, receiver.url, NEXT_SECRET).deliver(message(case_of(site)))
    assert receiver.received == []


@pytest.mark.parametrize("its_secret", [SECRET, NEXT_SECRET])
def test_while_secrets_change_a_receiver_with_either_takes_the_message(
    site: Site, start: Start, its_secret: str
) -> None:
    receiver = start(secret=its_secret)
    target(site, receiver.url, NEXT_SECRET, SECRET).deliver(message(case_of(site)))
    assert [row["key"] for row in receiver.received] == [f"{incident().id}.new"]


def test_a_message_waits_while_its_receiver_has_another_secret(
    site: Site, start: Start, store: CaseStore, file: File, clock: Clock
) -> None:
    """Whoever forgets the second step of a change of secrets loses nothing either."""
    receiver = start(secret=NEXT_SECRET)
    file(case_of(site))
    with Outbox(store, [target(site, receiver.url)], clock=clock) as box:
        assert box.deliver_due().failed == 1
    clock.move(60)
    with Outbox(store, [target(site, receiver.url, NEXT_SECRET)], clock=clock) as box:
        assert box.deliver_due().delivered == 1
    assert [row["key"] for row in receiver.received] == [f"{incident().id}.new"]


def test_an_outbox_is_worked_off_at_a_receiver_that_gives_no_numbers(
    site: Site, start: Start, store: CaseStore, file: File, clock: Clock
) -> None:
    receiver = start(*["plain"] * 6)
    cases = [case_of(site, 0), case_of(site, 0, "updated", seen_s=900), case_of(site, 1)]
    cases += [case_of(site, 0, "cleared", seen_s=1200), case_of(site, 1, "cleared")]
    with Outbox(store, [target(site, receiver.url)], clock=clock) as box:
        for case in cases:
            file(case)
            report = box.deliver_due()
            assert (report.delivered, report.failed, report.pending) == (1, 0, 0)
    assert [row["key"] for row in receiver.received] == [case.key for case in cases]
    assert [store.case(incident(number).id).number for number in (0, 1)] == [None, None]


@pytest.mark.parametrize("answer", ["500", "404", "302", "410", "429", "199", "600"])
def test_only_2xx_is_success(site: Site, start: Start, answer: str) -> None:
    receiver = start(answer)
    with pytest.raises(DeliveryError) as caught:
        target(site, receiver.url).deliver(message(case_of(site)))
    error = caught.value
    assert error.gone == (answer == "410")
    assert error.retry_after_s == (600 if answer == "429" else None)
    assert receiver.received == [], "and redirects are not followed"
    if answer == "302":
        assert "redirects are not followed" in str(error)


@pytest.mark.parametrize("failure", ["drop", "lost", "late", "trickle"])
def test_no_answer_in_time_is_nobody_there(site: Site, start: Start, failure: str) -> None:
    """However it comes about: a byte now and then does not stretch the time-out either."""
    receiver = start(failure)
    with pytest.raises(UnreachableError, match="no answer"):
        target(site, receiver.url, timeout_s=0.7).deliver(message(case_of(site)))


def test_nobody_listening_is_nobody_there(site: Site) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/in"
        with pytest.raises(UnreachableError, match="no answer"):
            target(site, url).deliver(message(case_of(site)))


@pytest.mark.parametrize("answer", ["cut", "big", "plain"])
def test_once_it_said_200_it_has_the_case_whatever_follows(
    site: Site, start: Start, answer: str
) -> None:
    receiver = start(answer)
    assert target(site, receiver.url).deliver(message(case_of(site))).number is None
    assert len(receiver.received) == 1


def test_a_repeat_carries_the_same_key_and_a_fresh_signature(site: Site, start: Start) -> None:
    receiver = start()
    hook = target(site, receiver.url)
    for _ in range(2):
        hook.deliver(message(case_of(site)))
    assert [(row["key"], row["repeat"]) for row in receiver.received] == [
        (f"{incident().id}.new", False),
        (f"{incident().id}.new", True),
    ]


@pytest.mark.parametrize("failure", ["500", "drop"])
def test_no_secret_is_shown_in_errors_or_logs(
    site: Site, start: Start, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver = start(failure)
    url = receiver.url.replace("//", "//viewer:p%40ss-word@") + "?key=tok-e/n1"
    hook = target(site, url)
    with pytest.raises(DeliveryError) as caught:
        hook.deliver(message(case_of(site)))
    hook.deliver(message(case_of(site)))
    shown = caplog.text + str(caught.value) + repr(hook)
    for secret in ("p%40ss-word", "p@ss-word", "tok-e/n1", "tok-e%2Fn1", SECRET, "s" * 20):
        assert secret not in shown


def test_what_a_receiver_echoes_of_our_address_is_hidden() -> None:
    endpoint = Endpoint("https://viewer:p%40ss-word@city.example/in?key=tok-en1")
    said = "bad https://viewer:p%40ss-word@city.example/in?key=tok-en1 tok-en1 p@ss-word\x1b[31m"
    line = endpoint.safe(said)
    for secret in ("tok-en1", "p@ss-word", "p%40ss-word", "\x1b"):
        assert secret not in line


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("Sat, 14 Mar 2026 07:40:00 GMT", 600),
        ("Sat, 14 Mar 2026 07:00:00 GMT", 0),
        ("999999999999", 86400),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(
    header: str | None, seconds: float | None
) -> None:
    from cv.cases.conversation import _seconds

    assert _seconds(header, datetime(2026, 3, 14, 7, 30, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b'{"number": "JZ-2026-1"}', "JZ-2026-1"),
        (b'{"number": 4711}', "4711"),
        (b'{"number": true}', None),
        (b'{"number": ""}', None),
        (b'{"number": "a\\nb"}', None),
        (b'{"number": {"x": 1}}', None),
        (b'["number"]', None),
        (b"[" * 100_000, None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_the_number_is_taken_only_from_where_it_belongs(content: bytes, number: str | None) -> None:
    from cv.cases.targets.webhook import _number

    assert _number(Answer(200, {}, content)) == number


@pytest.mark.parametrize(
    "text", ["", " , ", "whsec_", "whsec_short", "whsec_" + "QUFB" * 7, "not base64!" * 5]
)
def test_a_secret_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SiteError, match="HOOK_SECRET") as caught:
        signing_secrets(text, "HOOK_SECRET")
    secret = text.removeprefix("whsec_").strip(" ,")
    assert not secret or secret not in str(caught.value)


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n"])
def test_several_secrets_stand_in_one_variable(between: str) -> None:
    text = f"{NEXT_SECRET}{between}{SECRET}{between}{SECRET}"
    assert signing_secrets(text, "HOOK_SECRET") == (NEXT_SECRET, SECRET)
    with pytest.raises(SiteError, match="HOOK_SECRET: secret 2 of 2 is not whsec_") as caught:
        signing_secrets(f"{SECRET}{between}whsec_short", "HOOK_SECRET")
    assert SECRET not in str(caught.value)


def test_targets_come_from_the_site_file_and_the_environment(
    site: Site, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = start()
    reporting = replace(
        site.reporting,
        targets=("webhook", "spool"),
        webhook=Webhook(receiver.url, "CITY_SECRET"),
        public_url="https://box.example",
    )
    site = replace(site, reporting=reporting)
    monkeypatch.delenv("CITY_SECRET", raising=False)
    with pytest.raises(SiteError, match="CITY_SECRET is not set"):
        build_targets(site)
    monkeypatch.setenv("CITY_SECRET", SECRET)
    monkeypatch.setenv(SECRET_VARIABLE, "k" * 32)
    hook, spool = build_targets(site)
    assert (hook.name, spool.name) == ("webhook", "spool")
    hook.deliver(message(case_of(site, evidence=(picture(site),))))
    assert receiver.received[0]["case"]["evidence"][0]["url"].startswith("https://box.example/v1/")
    with pytest.raises(SiteError, match=r"no \[reporting.webhook\]"):
        build_targets(replace(site, reporting=replace(reporting, webhook=None)))
