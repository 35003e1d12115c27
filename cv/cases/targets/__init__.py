"""Where cases go: a target is one file with one class of two methods, built in `build_targets`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

from cv.cases.case import Case
from cv.errors import SiteError
from cv.site import Site

__all__ = ["Message", "Receipt", "Target", "build_targets"]


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


class Target(Protocol):
    """A receiver of cases.

    `deliver` returns when the receiver has it for good, and raises DeliveryError otherwise. It may
    see the same message again: after a crash nobody knows whether it had arrived.
    """

    name: str

    def deliver(self, message: Message) -> Receipt: ...

    def close(self) -> None: ...


def build_targets(site: Site) -> list[Target]:
    """The targets that the site file names.

    Raises:
        SiteError: one lacks its settings, or its secret is not in the environment.
    """
    from cv.cases.targets.spool import SpoolTarget
    from cv.cases.targets.webhook import WebhookTarget

    targets: list[Target] = []
    for name in site.reporting.targets:
        if name == "spool":
            targets.append(SpoolTarget(site.reporting.data, site.reporting.spool.folder))
            continue
        webhook = site.reporting.webhook
        if webhook is None:
            raise SiteError("reporting.targets names webhook, but there is no [reporting.webhook]")
        secret = os.environ.get(webhook.secret_env)
        if not secret:
            raise SiteError(f"the environment variable {webhook.secret_env} is not set")
        targets.append(
            WebhookTarget(
                webhook.url,
                secret,
                variable=webhook.secret_env,
                timeout_s=webhook.timeout_s,
                public_url=site.reporting.public_url,
            )
        )
    return targets
