"""Roundup, an issue tracker: a case is an issue there, each change of it a message.

Pictures are attached, `cleared` closes the issue. Everything that is made there has a name that is
derived from the case, and is looked for under it before it is made: a message that is delivered
twice, or in two halves, makes nothing twice. Two attempts can still overlap, when the tracker is
slow and the first gave up waiting; so things are made at single-use addresses (`@poe`, "post once
exactly"), and an attempt that got no answer leaves its address to the next.

Any tracker will do whose schema has the classes of Roundup's `classic` template: issue, msg, file.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from cv.cases.case import Case, EvidenceItem
from cv.cases.conversation import Answer, Conversation, Endpoint
from cv.cases.outgoing import Outgoing
from cv.cases.parts import ClosurePart
from cv.cases.targets import Message, Receipt, secret
from cv.cases.wording import description, headline
from cv.errors import DeliveryError
from cv.site import Roundup as Settings

__all__ = ["RoundupTarget"]

_EDIT_ATTEMPTS = 3
_AT_ONCE = 100
"""Messages whose issue is asked for in one call: a case that stays for weeks has thousands."""
_READ = "activity,actor,files,messages,status"
_LONGEST_ANSWER = 8 * 1024 * 1024
"""An issue lists all its messages: 100 bytes each, 48 a day."""


class RoundupTarget:
    """Files cases as issues.

    Args:
        password: of `settings.user`.
        outgoing: what may leave.
    """

    name = "roundup"

    def __init__(self, settings: Settings, password: str, outgoing: Outgoing) -> None:
        basic = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
        rest = settings.url + "rest/data/"
        self._endpoint = Endpoint(rest, settings.timeout_s, (password, basic), _LONGEST_ANSWER)
        self._headers = _headers(settings.url, basic)
        self._settings = settings
        self._outgoing = outgoing
        self._unanswered: dict[str, dict[tuple[str, str], str]] = {}
        # When the desk closed what we edited since: the tracker names its last editor only.
        self._closed_there: dict[str, datetime] = {}

    @classmethod
    def of(cls, settings: Settings, outgoing: Outgoing) -> Self:
        return cls(settings, secret(settings.secret_env), outgoing)

    def deliver(self, message: Message) -> Receipt:
        case, pictures = self._outgoing.with_files(message.case)
        unanswered = self._unanswered.setdefault(message.key, {})
        talk = Conversation(self._endpoint)
        tracker = _Tracker(talk, self._headers, unanswered, self._closed_there)
        issue = tracker.issue_of(case)
        files = [tracker.file(case, item, pictures) for item in case.evidence if item.file]
        told = tracker.message(message.key, self._words(case, files))
        if issue is None:
            title = f"{headline(case)} [{case.id}]"
            fields = {"title": title, "messages": [told], "files": files}
            issue = tracker.create("issue", title, json=fields)
        tracker.edit(issue, [told], files, self._ending(case))
        del self._unanswered[message.key]
        return Receipt(issue)

    def closures(self, numbers: Sequence[str]) -> Mapping[str, ClosurePart | None]:
        """Closed is what somebody gave the status `settings.closed`.

        Of deleted ones nothing is known, nor of those that our own `cleared` closed.
        """
        tracker = _Tracker(Conversation(self._endpoint), self._headers, {}, {})
        found: dict[str, ClosurePart | None] = {}
        for number, (status, at, who) in tracker.statuses(numbers).items():
            if status != self._settings.closed:
                self._closed_there.pop(number, None)
                found[number] = None
            elif who != self._settings.user:
                found[number] = ClosurePart(at=at, by=self.name)
            elif number in self._closed_there:
                found[number] = ClosurePart(at=self._closed_there[number], by=self.name)
        return found

    def close(self) -> None:
        """Nothing stays open."""

    def _ending(self, case: Case) -> _Ending:
        over = case.state == "cleared" or case.review.state == "rejected"
        settings = self._settings
        return _Ending(settings.closed, settings.user, over=over, ended=case.closure is not None)

    def _words(self, case: Case, files: list[str]) -> dict[str, Any]:
        return {
            "content": description(case),
            "type": "text/plain",
            "author": self._settings.user,
            "date": f"{case.time.reported.astimezone(UTC):%Y-%m-%d.%H:%M:%S}",
            "files": files,
        }


@dataclass(frozen=True, slots=True)
class _Ending:
    """Whether an issue is to be closed by a message, or to stay so.

    Attributes:
        closed: the status of a closed issue.
        user: who we are there.
        over: the message says that the case is.
        ended: somebody is known to be done with it.
    """

    closed: str
    user: str
    over: bool
    ended: bool


class _Tracker:
    """What a delivery looks up and makes there; items are known by their number, as text.

    Args:
        unanswered: single-use addresses of the message's earlier attempts, by what was to be made.
        closed_there: gets when the desk closed an issue, before an edit of ours hides it.
    """

    def __init__(
        self,
        talk: Conversation,
        headers: Mapping[str, str],
        unanswered: dict[tuple[str, str], str],
        closed_there: dict[str, datetime],
    ) -> None:
        self._talk = talk
        self._headers = headers
        self._unanswered = unanswered
        self._closed_there = closed_there

    def issue_of(self, case: Case) -> str | None:
        """The issue with any message of the case; the first, if people made it two."""
        told = self._found("msg", {"messageid": f"<{case.id}."})
        for start in range(0, len(told), _AT_ONCE):
            some = ",".join(told[start : start + _AT_ONCE])
            if found := self._found("issue", {"messages": some}):
                return found[0]
        return None

    def statuses(self, issues: Sequence[str]) -> dict[str, tuple[str | None, datetime, str | None]]:
        """The status of each of these issues that is there, when it changed last, and who did."""
        wanted = [("id", issue) for issue in issues]
        wanted += [("@fields", "activity,actor,status"), ("@verbose", "2")]
        answer = self._talk.checked(self._call("GET", "issue", params=wanted))
        return {
            str(item["id"]): (
                _name_of(item.get("status")),
                _moment(str(item["activity"])),
                _name_of(item.get("actor"), "username"),
            )
            for item in _part(answer, "collection", list)
        }

    def file(self, case: Case, item: EvidenceItem, pictures: Mapping[str, Path]) -> str:
        """The picture, uploaded unless it is there already."""
        name = f"{case.id}-{item.file}"
        found = self._found("file", {"name:": name})
        if found:
            return found[0]
        try:
            content = pictures[str(item.file)].read_bytes()
        except OSError as error:
            raise DeliveryError(f"{item.file}: {error.strerror}") from error
        form = {"name": name, "type": item.mime}
        return self.create("file", name, data=form, files={"content": (name, content, item.mime)})

    def message(self, key: str, fields: Mapping[str, Any]) -> str:
        name = f"<{key}@kerbwatch>"
        found = self._found("msg", {"messageid:": name})
        return found[0] if found else self.create("msg", name, json={**fields, "messageid": name})

    def create(self, kind: str, name: str, **request: Any) -> str:
        """Make an item at a single-use address.

        Args:
            name: by which a later attempt knows that it wants the same item.

        Raises:
            DeliveryError: it was not made, or nobody knows; the next attempt looks for it.
        """
        token = self._unanswered.get((kind, name)) or self._token(kind)
        self._unanswered[kind, name] = token
        answer = self._call("POST", f"{kind}/@poe/{token}", **request)
        if answer.is_success or answer.status == HTTPStatus.BAD_REQUEST:
            # Used up or expired. After anything else, say a proxy's 502, it may still be at work.
            del self._unanswered[kind, name]
        try:
            return _text(self._talk.checked(answer), "id")
        except DeliveryError as error:
            error.args = (str(error).replace(token, "***"),)
            raise

    def edit(self, issue: str, messages: list[str], files: list[str], ending: _Ending) -> None:
        """Add to an issue what it lacks; read again where somebody else was quicker (ETag).

        A tracker opens what is resolved when a message comes, unless the same edit says otherwise.
        """
        for _ in range(_EDIT_ATTEMPTS):
            answer = self._get(f"issue/{issue}", {"@fields": _READ, "@verbose": "2"})
            now = _part(answer, "attributes")
            is_closed = _name_of(now.get("status")) == ending.closed
            by_desk = is_closed and _name_of(now.get("actor"), "username") != ending.user
            if by_desk:
                self._closed_there[issue] = _moment(str(now.get("activity")))
            more: dict[str, Any] = {
                "messages": _joined(now.get("messages"), messages),
                "files": _joined(now.get("files"), files),
            }
            change = {name: value for name, value in more.items() if value}
            stays = is_closed and (by_desk or ending.over or ending.ended)
            if (change and stays) or (ending.over and not is_closed):
                change["status"] = ending.closed
            if not change:
                return
            match = {"if-match": answer.headers.get("etag", "")}
            edited = self._call("PUT", f"issue/{issue}", match, json=change)
            if edited.status != HTTPStatus.PRECONDITION_FAILED:
                self._talk.checked(edited)
                return
        raise DeliveryError(f"issue {issue} is being edited there all the time")

    def _token(self, kind: str) -> str:
        """A single-use address for one item. Only its last part is taken: we know the host."""
        answer = self._talk.checked(self._call("POST", f"{kind}/@poe", json={}))
        return quote(_text(answer, "link").rpartition("/")[2], safe="")

    def _found(self, kind: str, wanted: Mapping[str, str]) -> list[str]:
        """Numbers of the items that match; `name:` matches the whole value, `name` a part."""
        items = _part(self._get(kind, wanted), "collection", list)
        return sorted((str(item["id"]) for item in items), key=int)

    def _get(self, path: str, params: Mapping[str, str]) -> Answer:
        return self._talk.checked(self._call("GET", path, params=params))

    def _call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **request: Any
    ) -> Answer:
        all_headers = {**self._headers, **(headers or {})}
        return self._talk.call(method, path, headers=all_headers, **request)


def _headers(url: str, basic: str) -> dict[str, str]:
    """Who we are, and what Roundup wants of every request against forgery."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return {
        "authorization": f"Basic {basic}",
        "x-requested-with": "rest",
        "origin": f"{parts.scheme}://{host}",
        "referer": f"{parts.scheme}://{host}{parts.path}",
    }


def _part(answer: Answer, key: str, kind: type = dict) -> Any:
    document = answer.json()
    data = document.get("data") if isinstance(document, dict) else None
    part = data.get(key) if isinstance(data, dict) else None
    if not isinstance(part, kind):
        raise DeliveryError(f"answered {answer.status} without {key}: is this a Roundup tracker?")
    return part


def _text(answer: Answer, key: str) -> str:
    text: str = _part(answer, key, str)
    return text


def _moment(text: str) -> datetime:
    """A time as Roundup writes it, in UTC."""
    try:
        return datetime.strptime(text[:19], "%Y-%m-%d.%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise DeliveryError(f"{text[:40]!r} is no time that Roundup writes") from None


def _name_of(link: object, called: str = "name") -> str | None:
    return link.get(called) if isinstance(link, dict) else None


def _joined(linked: object, more: list[str]) -> list[str] | None:
    """Numbers of what is linked and what is to be; None if that is no change."""
    known = [str(item["id"]) for item in linked] if isinstance(linked, list) else []
    new = [number for number in more if number not in known]
    return [*known, *new] if new else None
