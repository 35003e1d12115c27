"""MQTT 5: each open case is a retained topic, and a device of Home Assistant.

    <topic>/status            online or offline (last will), retained
    <topic>/cases/<case id>   the case as JSON, retained as long as it is open
    <discovery>/binary_sensor/kerbwatch/<case id>/config   so that Home Assistant finds it

A case that is over is published once more, and then its topics are emptied. All of it
with QoS 1; publishing twice what was published before changes nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from time import monotonic
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from cv.cases.case import Case
from cv.cases.outgoing import Outgoing
from cv.cases.targets import Message, Receipt, UnreachableError, secret
from cv.cases.wording import headline
from cv.errors import DeliveryError, SiteError
from cv.site import Mqtt as Settings

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

__all__ = ["MqttTarget"]

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE_S = 30
_LONGEST_PAUSE_S = 30
_AT_LEAST_ONCE = 1
_ONLINE, _OFFLINE = "online", "offline"


class MqttTarget:
    """Publishes cases at a broker; stays connected, so that the last will means something.

    Args:
        password: of `settings.user`, if there is one.
        outgoing: what may leave; pictures are links.
    """

    name = "mqtt"

    def __init__(self, settings: Settings, password: str | None, outgoing: Outgoing) -> None:
        self._settings = settings
        self._outgoing = outgoing
        self._status = f"{settings.topic}/status"
        self._connected = threading.Event()
        self._ending = False
        self._why = "no answer"
        self._refused: dict[int, str] = {}
        self._client = _client(settings, password)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_status
        self._client.will_set(self._status, _OFFLINE, _AT_LEAST_ONCE, retain=True)
        url = urlsplit(settings.url)
        self._client.connect_async(url.hostname or "", url.port or _PORTS[url.scheme], _KEEPALIVE_S)
        self._client.loop_start()

    @classmethod
    def of(cls, settings: Settings, outgoing: Outgoing) -> Self:
        return cls(settings, secret(settings.secret_env) if settings.user else None, outgoing)

    def deliver(self, message: Message) -> Receipt:
        deadline = monotonic() + self._settings.timeout_s
        if not self._connected.wait(self._settings.timeout_s):
            raise UnreachableError(f"not connected: {self._why}")
        for topic, payload in self._publications(message.case):
            self._acknowledged(self._publish(topic, payload), topic, deadline)
        return Receipt()

    def close(self) -> None:
        self._ending = True
        if self._connected.is_set():
            with suppress(RuntimeError, ValueError):  # the connection is gone: the will says it
                self._publish(self._status, _OFFLINE).wait_for_publish(self._settings.timeout_s)
        self._client.disconnect()
        self._client.loop_stop()

    def _publications(self, case: Case) -> Iterator[tuple[str, str]]:
        """Topics and payloads, in order; an empty payload empties a topic."""
        shown = self._outgoing.with_links(case, datetime.now(UTC))
        state = f"{self._settings.topic}/cases/{case.id}"
        config = f"{self._settings.discovery}/binary_sensor/kerbwatch/{case.id}/config"
        yield state, shown.model_dump_json()
        if _is_over(case):
            yield config, ""
            yield state, ""
        else:
            yield config, json.dumps(self._entity(case, state), ensure_ascii=False)

    def _entity(self, case: Case, state: str) -> dict[str, Any]:
        """What Home Assistant must know to show the case, as a problem of its camera."""
        camera = case.source.channel_id
        return {
            "name": headline(case),
            "unique_id": case.id,
            "device_class": "problem",
            "state_topic": state,
            "value_template": "{{ 'OFF' if value_json.state == 'cleared' else 'ON' }}",
            "json_attributes_topic": state,
            "availability_topic": self._status,
            "device": {
                "identifiers": [f"kerbwatch_{camera}"],
                "name": case.source.camera_name,
                "manufacturer": "kerbwatch",
            },
            "origin": {"name": "kerbwatch", "sw_version": version("kerbwatch")},
        }

    def _publish(self, topic: str, payload: str) -> MQTTMessageInfo:
        return self._client.publish(topic, payload.encode(), _AT_LEAST_ONCE, retain=True)

    def _acknowledged(self, info: MQTTMessageInfo, topic: str, deadline: float) -> None:
        """Wait until the broker has it.

        Raises:
            UnreachableError: it does not say so in time.
            DeliveryError: it says no.
        """
        try:
            info.wait_for_publish(max(0.0, deadline - monotonic()))
        except (RuntimeError, ValueError) as error:  # the connection broke, or the queue is full
            raise UnreachableError(f"{topic}: {error}") from None
        if not info.is_published():
            raise UnreachableError(f"{topic}: not acknowledged in {self._settings.timeout_s:g} s")
        refusal = self._refused.pop(info.mid, None)
        if refusal is not None:
            raise DeliveryError(f"{topic}: {refusal}")

    # The client's own thread calls these.

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any
    ) -> None:
        if reason.is_failure:
            self._why = str(reason)
            return
        self._refused.clear()
        self._connected.set()
        self._publish(self._status, _ONLINE)
        client.subscribe(self._status, _AT_LEAST_ONCE)

    def _on_status(self, _client: Client, _data: Any, news: MQTTMessage) -> None:
        """Where several processes deliver, the end of one is not that of all."""
        if news.payload == _OFFLINE.encode() and not self._ending:
            self._publish(self._status, _ONLINE)

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any
    ) -> None:
        if self._connected.is_set():
            self._connected.clear()
            self._why = str(reason)

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _more: Properties
    ) -> None:
        """Called before `info` counts as published, so the refusal is there when it does."""
        if reason.is_failure:
            self._refused[mid] = str(reason)


def _is_over(case: Case) -> bool:
    """Whether it is cleared, rejected, or closed and not seen since.

    What the city is done with may stand there still: as long as a camera says so, it is not over.
    """
    if case.state == "cleared" or case.review.state == "rejected":
        return True
    closure = case.closure
    return closure is not None and (not case.is_watched or case.time.last_seen <= closure.at)


def _client(settings: Settings, password: str | None) -> Client:
    """MQTT 5, whose acknowledgements say whether the broker took it: 3.1.1 acknowledges anything.

    Raises:
        SiteError: the library is not installed.
    """
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
    except ImportError:
        hint = 'install it with: pip install "kerbwatch[mqtt]"'
        raise SiteError(f"reporting.targets names mqtt, which needs paho-mqtt; {hint}") from None
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect_timeout = settings.timeout_s
    client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
    client.max_queued_messages_set(100)
    if settings.user:
        client.username_pw_set(settings.user, password)
    if urlsplit(settings.url).scheme == "mqtts":
        client.tls_set()
    return client
