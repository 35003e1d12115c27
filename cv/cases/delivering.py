"""Delivery beside the work of a process that files cases or takes people's words on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from cv.background import in_background
from cv.cases.outbox import Outbox
from cv.cases.store import CaseStore
from cv.cases.targets import build_targets
from cv.cases.unwatched import is_unwatched
from cv.site import Site

__all__ = ["delivering", "outbox_of"]


def outbox_of(store: CaseStore, site: Site) -> Outbox:
    """What brings a site's cases to its targets, and the desks' answers back; to be closed."""
    return Outbox(store, build_targets(site), unwatched=partial(is_unwatched, site=site))


@contextmanager
def delivering(store: CaseStore, site: Site) -> Iterator[None]:
    """Deliver meanwhile, and once more at the end what is due by then.

    Several processes may do so at a time: each message is leased to one of them.
    """
    with outbox_of(store, site) as outbox:
        try:
            with in_background(outbox.run, "deliver"):
                yield
        finally:
            outbox.deliver_due()
