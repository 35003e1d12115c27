"""An MQTT broker for tests: a real mosquitto on the loopback, and what a subscriber sees there."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cv.bench.rtsp import free_port
from tests.listening import wait_for_port

USER, PASSWORD = "kerbwatch", "pass-word-of-mqtt"

_ACL = """\
user kerbwatch
topic readwrite city/#
topic readwrite homeassistant/#
user reader
topic read #
topic readwrite retained-is-told
"""


class Mosquitto:
    """The broker; `stop` and `start` may be called again, its port and its memory stay.

    Args:
        tls: speak it, with a certificate of its own, <folder>/certificate.pem.
    """

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        path = f"{os.environ['PATH']}:/usr/sbin"
        program = shutil.which("mosquitto", path=path)
        if program is None:
            pytest.skip("no mosquitto: run scripts/install-test-tools")
        self.port = free_port()
        self.url = f"mqtt{'s' if tls else ''}://127.0.0.1:{self.port}"
        passwords, acl = folder / "passwords", folder / "acl"
        for n, (user, password) in enumerate(((USER, PASSWORD), ("reader", "reader"))):
            new = ["-c"] if n == 0 else []
            command = ["mosquitto_passwd", *new, "-b", str(passwords), user, password]
            subprocess.run(command, check=True, capture_output=True)
        acl.write_text(_ACL)
        for file in (passwords, acl):
            file.chmod(0o600)
        me = "root" if os.getuid() == 0 else ""
        config = folder / "mosquitto.conf"
        encryption = _certified(folder) if tls else ""
        config.write_text(
            f"listener {self.port} 127.0.0.1\n{encryption}allow_anonymous false\n"
            f"password_file {passwords}\nacl_file {acl}\n"
            f"persistence true\npersistence_location {folder}/\n" + (f"user {me}\n" if me else "")
        )
        self._command = [program, "-c", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(self.port, self._process)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _certified(folder: Path) -> str:
    """A key and its own certificate; gives the broker's settings for them."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(
        [
            *command, "-nodes", "-days", "1", "-subj", "/CN=broker", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return f"certfile {certificate}\nkeyfile {key}\n"


class Reader:
    """A subscriber to everything: all it was told, in order, and what is retained at the end."""

    def __init__(self, broker: Mosquitto) -> None:
        self.told: list[tuple[str, str]] = []
        self._news = threading.Condition()
        ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set("reader", "reader")
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = lambda _client, _data, message: self._take(
            message.topic, message.payload.decode()
        )
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert ready.wait(120)
        # What is retained is told first: when this comes back, all of it has been.
        self._client.publish("retained-is-told", "yes", qos=1)
        self.wait_for("retained-is-told", "yes")
        self.told = [row for row in self.told if row[0] != "retained-is-told"]

    @property
    def state(self) -> dict[str, str]:
        """The latest of each topic that is not empty."""
        with self._news:
            return {topic: payload for topic, payload in dict(self.told).items() if payload}

    def wait_for(self, topic: str, payload: str) -> None:
        with self._news:
            heard = self._news.wait_for(lambda: dict(self.told).get(topic) == payload, timeout=120)
        assert heard, f"{topic} is {dict(self.told).get(topic)!r}"

    def wait_until(self, is_so: Callable[[list[tuple[str, str]]], bool]) -> None:
        """Wait for something in all that was told."""
        with self._news:
            assert self._news.wait_for(lambda: is_so(self.told), timeout=120), self.told

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, topic: str, payload: str) -> None:
        with self._news:
            self.told.append((topic, payload))
            self._news.notify_all()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
