"""Where cases go: a target is one file with one class of two methods, and a line in `_CLASSES`.

docs/how-to-add-a-target.md shows one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, runtime_checkable

from cv.cases.case import Case
from cv.cases.links import SECRET_VARIABLE, link_secret
from cv.cases.outgoing import Outgoing
from cv.cases.parts import ClosurePart
from cv.errors import DeliveryError, SiteError
from cv.site import Reporting, Site
from cv.site.file import TARGETS_WITH_LINKS

__all__ = [
    "Answering",
    "Message",
    "Receipt",
    "Target",
    "UnreachableError",
    "build_targets",
    "secret",
]

logger = logging.getLogger(__name__)

_CLASSES = {
    "gat1400": "Gat1400Target",
    "mqtt": "MqttTarget",
    "open311": "Open311Target",
    "roundup": "RoundupTarget",
    "spool": "SpoolTarget",
    "webhook": "WebhookTarget",
}
"""The class of each target, in the module of its name; `of(settings, outgoing)` makes one."""


@dataclass(frozen=True, slots=True)
class Message:
    """One change of one case; `key` is the same on every attempt.

    Attributes:
        number: what this target called the case when it took an earlier message, if it did.
    """

    key: str
    event: str
    case: Case
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The target took it; `number` is what it calls the case, if it says."""

    number: str | None = None


class UnreachableError(DeliveryError):
    """Nobody answered, or it is overloaded: other messages would fare no better there now."""


class Target(Protocol):
    """A receiver of cases.

    `deliver` returns when the receiver has it for good, and raises DeliveryError otherwise. It may
    see the same message again: after a crash nobody knows whether it had arrived.
    """

    @property
    def name(self) -> str: ...

    def deliver(self, message: Message) -> Receipt: ...

    def close(self) -> None: ...


@runtime_checkable
class Answering(Protocol):
    """A target that can also be asked what its desk did with the cases that it took."""

    def closures(self, numbers: Sequence[str]) -> Mapping[str, ClosurePart | None]:
        """How the cases of these numbers ended there; None of one that is open.

        A number of which it says nothing is left out.

        Raises:
            DeliveryError: it did not answer, or not so that it can be understood.
        """
        ...


def build_targets(site: Site) -> list[Target]:
    """The targets that the site file names.

    Raises:
        UserError: one lacks its settings, or its secret is not in the environment.
    """
    reporting = site.reporting
    outgoing = Outgoing(reporting.data, site.privacy, reporting.public_url, link_secret())
    if any(name in TARGETS_WITH_LINKS for name in reporting.targets) and not outgoing.has_links:
        logger.warning(
            "cases leave without pictures: links need reporting.public_url and %s", SECRET_VARIABLE
        )
    return [_build(name, reporting, outgoing) for name in dict.fromkeys(reporting.targets)]


def _build(name: str, reporting: Reporting, outgoing: Outgoing) -> Target:
    settings = getattr(reporting, name, None)
    if settings is None:
        raise SiteError(f"reporting.targets names {name}, but there is no [reporting.{name}]")
    # Imported only where it is used: a target's libraries may be an extra.
    module = import_module(f"cv.cases.targets.{name}")
    target: Target = getattr(module, _CLASSES[name]).of(settings, outgoing)
    return target


def secret(variable: str) -> str:
    """A receiver's secret, from the environment variable that the site file names.

    Raises:
        SiteError: it is not set; names the variable.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise SiteError(f"environment variable {variable} is not set")
    return value
