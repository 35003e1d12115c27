"""Cases as topics of a real MQTT broker, as Home Assistant or a wall display would see them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cv.cases.case import Case, case_schema
from cv.cases.closing import close_case
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.parts import ClosurePart
from cv.cases.review import RejectReason, review_of
from cv.cases.store import CaseStore
from cv.cases.targets import Message, UnreachableError, build_targets
from cv.cases.targets.mqtt import MqttTarget
from cv.errors import DeliveryError, SiteError
from cv.site import Mqtt, Site
from tests.cases.conftest import Clock, File
from tests.cases.filings import START, case_of, incident, picture
from tests.cases.test_reported import reported, take_report
from tests.mosquitto import PASSWORD, USER, Mosquitto, Reader

STATE = f"city/cases/{incident().id}"
CONFIG = f"homeassistant/binary_sensor/kerbwatch/{incident().id}/config"
Begin = Callable[..., MqttTarget]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def begin(site: Site, broker: Mosquitto) -> Iterator[Begin]:
    """Makes a target, which is closed at the end."""
    with ExitStack() as open_targets:

        def make(password: str = PASSWORD, **changes: object) -> MqttTarget:
            settings = replace(Mqtt(broker.url, USER, topic="city"), **changes)  # type: ignore[arg-type]
            outgoing = Outgoing(site.reporting.data, site.privacy, "https://box.example", "s" * 20)
            target = MqttTarget(settings, password, outgoing)
            open_targets.callback(target.close)
            return target

        yield make


def message(case: Case) -> Message:
    return Message(case.key, case.state, case)


def test_an_open_case_is_there_for_whoever_comes_later_and_gone_when_it_is_over(
    site: Site, broker: Mosquitto, begin: Begin
) -> None:
    desk = begin()
    desk.deliver(message(case_of(site, evidence=(picture(site),))))
    desk.deliver(message(case_of(site, event="updated", seen_s=900)))
    with Reader(broker) as reader:
        reader.wait_for("city/status", "online")
        case = Case.model_validate_json(reader.state[STATE])
        assert (case.id, case.state) == (incident().id, "updated")
        desk.deliver(message(case_of(site, event="cleared", seen_s=900)))
        reader.wait_for(STATE, "")
        last = [json.loads(text)["state"] for topic, text in reader.told if text and topic == STATE]
        assert last == ["updated", "cleared"], "whoever is there is told how it ended"
        assert reader.state == {"city/status": "online"}
    with Reader(broker) as later:
        later.wait_for("city/status", "online")
        assert later.state == {"city/status": "online"}


def test_home_assistant_finds_a_problem_of_the_camera(
    site: Site, broker: Mosquitto, begin: Begin
) -> None:
    begin().deliver(message(case_of(site, evidence=(picture(site),))))
    with Reader(broker) as reader:
        reader.wait_for("city/status", "online")
        found = json.loads(reader.state[CONFIG])
        state = json.loads(reader.state[STATE])
    assert found["state_topic"] == found["json_attributes_topic"] == STATE
    assert found["availability_topic"] == "city/status"
    assert (found["unique_id"], found["device_class"]) == (incident().id, "problem")
    assert found["device"] == {
        "identifiers": ["kerbwatch_gate"], "name": "东门 Gate", "manufacturer": "kerbwatch",
    }  # fmt: skip
    assert set(state) == set(case_schema()["properties"])
    assert state["evidence"][0]["url"].startswith("https://box.example/v1/evidence/")


def test_a_rejected_case_is_over_too(site: Site, broker: Mosquitto, begin: Begin) -> None:
    desk = begin()
    desk.deliver(message(case_of(site)))
    word = review_of(RejectReason.MISTAKEN, "li", START)
    later = case_of(site, event="updated", seen_s=900).model_copy(update={"review": word})
    desk.deliver(message(later))
    with Reader(broker) as reader:
        reader.wait_for("city/status", "online")
        assert set(reader.state) == {"city/status"}


def closed(case: Case, at: datetime) -> Case:
    return case.model_copy(update={"closure": ClosurePart(at=at, by="li")})


def test_what_only_citizens_saw_is_over_once_somebody_is_done_with_it(
    site: Site, broker: Mosquitto, begin: Begin, store: CaseStore, clock: Clock
) -> None:
    site = replace(site, reporting=replace(site.reporting, targets=("mqtt",)))
    case = reported(site)
    with Outbox(store, [begin()], clock=clock) as box:
        take_report(store, case, site, clock.now)
        store.review(case.id, review_of(None, "li", clock.now))
        box.deliver_due()
        with Reader(broker) as reader:
            reader.wait_for("city/status", "online")
            assert f"city/cases/{case.id}" in reader.state
            closure = ClosurePart(at=clock.now, by="li")
            close_case(store.database, case.id, closure, told=("mqtt",))
            box.deliver_due()
            reader.wait_for(f"city/cases/{case.id}", "")
            assert reader.state == {"city/status": "online"}, "and no sensor stays on"


def test_what_a_camera_sees_after_somebody_was_done_with_it_is_not_over(
    site: Site, broker: Mosquitto, begin: Begin
) -> None:
    desk, later = begin(), START + timedelta(hours=1)
    desk.deliver(message(closed(case_of(site), later)))
    with Reader(broker) as reader:
        reader.wait_for("city/status", "online")
        assert set(reader.state) == {"city/status"}
        still_there = closed(
            case_of(site, event="updated", seen_s=7200), START + timedelta(hours=1)
        )
        desk.deliver(message(still_there))
        reader.wait_for(STATE, still_there.model_dump_json())


def test_the_same_message_again_changes_nothing(
    site: Site, broker: Mosquitto, begin: Begin
) -> None:
    for _ in range(2):
        begin().deliver(message(case_of(site, event="cleared")))
    with Reader(broker) as reader:
        reader.wait_for("city/status", "online")
        assert set(reader.state) == {"city/status"}


def test_a_broker_that_was_down_gets_everything_when_it_comes_back(
    store: CaseStore, site: Site, file: File, clock: Clock, broker: Mosquitto
) -> None:
    broker.stop()
    settings = Mqtt(broker.url, USER, topic="city", timeout_s=1)
    desk = MqttTarget(settings, PASSWORD, Outgoing(site.reporting.data, site.privacy))
    with Outbox(store, [desk], clock=clock) as box:
        file(case_of(site, 0), case_of(site, 1), targets=["mqtt"])
        assert box.deliver_due().delivered == 0
        file(case_of(site, 0, "cleared"), targets=["mqtt"])
        broker.start()
        for _ in range(20):
            clock.move(3600)
            if not box.deliver_due().pending:
                break
        assert store.outbox.count("pending", ["mqtt"]) == 0
    with Reader(broker) as reader:
        reader.wait_for("city/status", "offline")
        assert [t for t in reader.state if t.startswith("city/cases")] == [
            f"city/cases/{incident(1).id}"
        ]


def test_whoever_is_killed_is_offline(site: Site, broker: Mosquitto) -> None:
    code = (
        "import os, sys, time; from pathlib import Path\n"
        "from cv.cases.outgoing import Outgoing; from cv.cases.targets.mqtt import MqttTarget\n"
        "from cv.site import Mqtt, Privacy\n"
        "MqttTarget(Mqtt(sys.argv[1], 'kerbwatch', topic='city'), os.environ['PASSWORD'],\n"
        "           Outgoing(Path(), Privacy()))\n"
        "time.sleep(600)\n"
    )
    with Reader(broker) as reader:
        process = subprocess.Popen(
            [sys.executable, "-c", code, broker.url], env={**os.environ, "PASSWORD": PASSWORD}
        )
        try:
            reader.wait_for("city/status", "online")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        reader.wait_for("city/status", "offline")


def test_kerbwatch_is_online_as_long_as_any_of_its_processes_is(
    broker: Mosquitto, begin: Begin
) -> None:
    with Reader(broker) as reader:
        watching = begin()
        reader.wait_for("city/status", "online")
        briefly = begin()
        reader.wait_until(lambda told: told.count(("city/status", "online")) >= 2)
        briefly.close()
        reader.wait_until(lambda told: ("city/status", "offline") in told)
        reader.wait_for("city/status", "online")
        watching.close()
        reader.wait_for("city/status", "offline")


def test_what_the_broker_does_not_allow_is_no_delivery(site: Site, begin: Begin) -> None:
    """MQTT 3.1.1 would acknowledge it and throw it away."""
    with pytest.raises(DeliveryError, match=r"elsewhere/cases/.*: Not authorized"):
        begin(topic="elsewhere").deliver(message(case_of(site)))


def test_a_wrong_password_is_told_and_not_shown(
    site: Site, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    desk = begin(password="wrong-password", timeout_s=2)
    with pytest.raises(UnreachableError, match="not connected: Not authorized") as caught:
        desk.deliver(message(case_of(site)))
    assert "wrong-password" not in str(caught.value) + caplog.text


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_over_tls_the_broker_must_be_who_it_says(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing = Outgoing(site.reporting.data, site.privacy)
    (tmp_path / "tls").mkdir()
    with Mosquitto(tmp_path / "tls", tls=True) as broker:
        settings = Mqtt(broker.url, USER, topic="city", timeout_s=60)
        stranger = MqttTarget(replace(settings, timeout_s=3), PASSWORD, outgoing)
        with pytest.raises(UnreachableError, match="not connected"):
            stranger.deliver(message(case_of(site)))
        stranger.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls/certificate.pem"))
        known = MqttTarget(settings, PASSWORD, outgoing)
        known.deliver(message(case_of(site)))
        known.close()


def test_the_site_file_names_the_broker_and_the_environment_the_password(
    site: Site, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporting = replace(
        site.reporting, targets=("mqtt",), mqtt=Mqtt(broker.url, USER, topic="city")
    )
    site = replace(site, reporting=reporting)
    monkeypatch.delenv("KERBWATCH_MQTT_PASSWORD", raising=False)
    with pytest.raises(SiteError, match="KERBWATCH_MQTT_PASSWORD is not set"):
        build_targets(site)
    monkeypatch.setenv("KERBWATCH_MQTT_PASSWORD", PASSWORD)
    (desk,) = build_targets(site)
    desk.deliver(message(case_of(site)))
    desk.close()


def test_without_the_extra_it_says_how_to_get_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    reporting = replace(site.reporting, targets=("mqtt",), mqtt=Mqtt("mqtt://127.0.0.1:1"))
    with pytest.raises(SiteError) as caught:
        build_targets(replace(site, reporting=reporting))
    assert str(caught.value) == (
        "reporting.targets names mqtt, which needs paho-mqtt; "
        'install it with: pip install "kerbwatch[mqtt]"'
    )
