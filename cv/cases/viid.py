"""A device's standing at a GA/T 1400 view library (视图库): registered, kept alive, heard.

After GA/T 1400.4, as far as that is publicly described: `POST /VIID/System/Register`, later calls
with the header `User-Identify`, a registration that lapses about five minutes after the last call,
and an object or a list of ResponseStatus in every answer. A 200 may refuse all the same.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from time import monotonic
from typing import Any

import httpx2

from cv.cases.conversation import Answer, Conversation, Endpoint
from cv.errors import DeliveryError

__all__ = ["LAPSE_S", "Registration", "Status", "statuses"]

LAPSE_S = 240.0
"""Without a call for so long we register anew; the library forgets about a minute later."""

_SHORT_S = 10.0
"""For calls that nobody waits for, so that a delivery never waits long for one."""

_FINAL = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""The same would be refused again."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """What a library says of one thing; `code` 0 is 正常, what others mean differs."""

    code: int
    text: str
    id: str

    def __str__(self) -> str:
        return f"StatusCode {self.code} {self.text}".strip()


def statuses(answer: Answer) -> list[Status]:
    """The statuses in an answer, one or a list of them; empty if it has none."""
    document = answer.json()
    if not isinstance(document, dict):
        return []
    listed = document.get("ResponseStatusListObject")
    found = listed if isinstance(listed, dict) else document
    rows = found.get("ResponseStatusObject")
    rows = rows if isinstance(rows, list) else [rows]
    return [status for row in rows if (status := _status(row)) is not None]


def _status(row: object) -> Status | None:
    if not isinstance(row, dict):
        return None
    try:
        code = int(row["StatusCode"])
    except (KeyError, TypeError, ValueError):
        return None
    text = " ".join(str(row.get("StatusString") or "").split())[:120]
    return Status(code, text, str(row.get("Id") or ""))


class Registration:
    """Calls to one library in the name of one device; usable from several threads.

    It registers with the first call, and from then on a thread keeps it alive.

    Args:
        endpoint: without /VIID.
        device: its 20 digits.
        auth: answers the library where it asks who we are (Digest); None: it does not ask.
        keepalive_s: seconds between two signs of life.
    """

    def __init__(
        self, endpoint: Endpoint, device: str, auth: httpx2.Auth | None, keepalive_s: float
    ) -> None:
        self._endpoint = endpoint
        self._device = device
        self._auth = auth
        self._keepalive_s = keepalive_s
        self._lock = threading.Lock()
        self._heard_at: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def post(self, path: str, document: Mapping[str, Any]) -> Answer:
        """The library's answer, which is 2xx.

        Registers first where that is due, and once more where the library has forgotten us (401).

        Raises:
            DeliveryError: it refuses, us or this; UnreachableError: nobody answers.
        """
        with self._lock:
            talk = Conversation(self._endpoint)
            if self._heard_at is None or monotonic() - self._heard_at > LAPSE_S:
                self._register(talk)
            answer = self._call(talk, path, document)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._register(talk)
                answer = self._call(talk, path, document)
            try:
                talk.checked(answer)
            except DeliveryError as error:
                error.permanent = answer.status in _FINAL
                raise
            self._heard_at = monotonic()
            return answer

    def close(self) -> None:
        """Sign off, if we are registered and somebody listens."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2 * _SHORT_S)
        with self._lock, suppress(DeliveryError):
            if self._heard_at is not None:
                self._system(Conversation(self._brief()), "UnRegister")

    def _register(self, talk: Conversation) -> None:
        self._heard_at = None
        self._system(talk, "Register")
        self._heard_at = monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._live, name="viid", daemon=True)
            self._thread.start()

    def _live(self) -> None:
        """Show signs of life until we are closed."""
        was_heard = True
        while not self._stop.wait(self._keepalive_s):
            try:
                self._show_life()
            except DeliveryError as error:
                if was_heard:
                    logger.warning("gat1400: no longer registered: %s", error)
                was_heard = False
            else:
                was_heard = True

    def _show_life(self) -> None:
        with self._lock:
            talk = Conversation(self._brief())
            try:
                self._system(talk, "Keepalive")
            except DeliveryError:
                # Forgotten, or so busy that it may forget us.
                self._register(Conversation(self._brief()))
            self._heard_at = monotonic()

    def _system(self, talk: Conversation, what: str) -> None:
        """Register, Keepalive or UnRegister; 200 with another StatusCode than 0 is a refusal."""
        myself = {f"{what}Object": {"DeviceID": self._device}}
        try:
            found = statuses(talk.checked(self._call(talk, f"/VIID/System/{what}", myself)))
        except DeliveryError as error:
            error.args = (f"{what}: {error}",)
            raise
        refused = next((status for status in found if status.code != 0), None)
        if refused or not found:
            said = refused or "answered without a StatusCode: is this a view library?"
            raise DeliveryError(self._endpoint.safe(f"{what}: {said}"))

    def _call(self, talk: Conversation, path: str, document: Mapping[str, Any]) -> Answer:
        headers = {"content-type": "application/VIID+JSON", "user-identify": self._device}
        body = json.dumps(document, ensure_ascii=False).encode()
        return talk.call("POST", path, headers=headers, content=body, auth=self._auth)

    def _brief(self) -> Endpoint:
        return replace(self._endpoint, timeout_s=min(self._endpoint.timeout_s, _SHORT_S))
