"""Where cases go: a target is one file with one class of two methods, built in `build_targets`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

from cv.cases.case import Case
from cv.cases.links import link_secret
from cv.cases.outgoing import Outgoing
from cv.errors import DeliveryError, SiteError
from cv.site import Site

__all__ = ["Message", "Receipt", "Target", "UnreachableError", "build_targets"]


@dataclass(frozen=True, slots=True)
class Message:
    """One change of one case; `key` is the same on every attempt."""

    key: str
    event: str
    case: Case


@dataclass(frozen=True, slots=True)
class Receipt:
    """The target took it; `number` is what it calls the case, if it says."""

    number: str | None = None


class UnreachableError(DeliveryError):
    """Nobody answered: other messages for the same target would fare no better now."""


class Target(Protocol):
    """A receiver of cases.

    `deliver` returns when the receiver has it for good, and raises DeliveryError otherwise. It may
    see the same message again: after a crash nobody knows whether it had arrived.
    """

    @property
    def name(self) -> str: ...

    def deliver(self, message: Message) -> Receipt: ...

    def close(self) -> None: ...


def build_targets(site: Site) -> list[Target]:
    """The targets that the site file names.

    Raises:
        UserError: one lacks its settings, or its secret is not in the environment.
    """
    reporting = site.reporting
    outgoing = Outgoing(reporting.data, site.privacy, reporting.public_url, link_secret())
    return [_build(name, site, outgoing) for name in dict.fromkeys(reporting.targets)]


def _build(name: str, site: Site, outgoing: Outgoing) -> Target:
    from cv.cases.targets.spool import SpoolTarget
    from cv.cases.targets.webhook import WebhookTarget, signing_secret

    if name == "spool":
        return SpoolTarget(site.reporting.data / site.reporting.spool.folder, outgoing)
    settings = site.reporting.webhook
    if name != "webhook" or settings is None:
        raise SiteError(f"reporting.targets names {name}, but there is no [reporting.{name}]")
    secret = signing_secret(os.environ.get(settings.secret_env), settings.secret_env)
    return WebhookTarget(settings.url, secret, outgoing, timeout_s=settings.timeout_s)
