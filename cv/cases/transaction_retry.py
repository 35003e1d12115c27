"""Transactions that run again, where the database undid them for a reason that passes.

A method of one transaction is decorated: it runs from its first line, since nothing of it was
stored. One thing is never known: whether a commit took place whose answer got lost with the
connection. So there are two decorators.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from random import Random
from time import sleep
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import IntegrityError

from cv.errors import StoreError

__all__ = ["retried", "retried_if_undone"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_UNIQUE = "23505"
_rng = Random()  # noqa: S311 - spreads load, guards nothing


def retried(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """Run again what may be run twice: it reads, or storing the same again changes nothing."""
    return _retried(work, even_if_stored=True)


def retried_if_undone(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """Run again only what certainly has not been stored: a second time would be a second thing."""
    return _retried(work, even_if_stored=False)


def _retried(work: Callable[_P, _T], *, even_if_stored: bool) -> Callable[_P, _T]:
    @wraps(work)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        for wait_s in _WAITS_S:
            try:
                return work(*args, **kwargs)
            except StoreError as error:
                if not (error.undone or even_if_stored):
                    error.args = (f"{error}; whether it was stored, nobody knows",)
                    raise
                if not error.passing:
                    raise
            except IntegrityError as error:
                if getattr(error.orig, "sqlstate", None) != _UNIQUE:
                    raise
                # Another process stored it between our looking and our storing: look again.
            sleep(wait_s * (0.5 + _rng.random()))
        return work(*args, **kwargs)

    return run
