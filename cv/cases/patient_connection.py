"""A PostgreSQL connection that does not wait for ever.

A server that was stopped, or whose disk hangs, still has a kernel that keeps its connections alive:
neither keepalives nor `tcp_user_timeout` notice, and `statement_timeout` is the server's own clock.
libpq waits without end. This is the client's own limit.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

__all__ = ["PatientConnection"]

ANSWER_S = 15.0
"""Without a byte of it: the longest statement that the store sends takes a second or two."""

T = TypeVar("T")


class PatientConnection(psycopg.Connection[tuple[Any, ...]]):
    """Closes itself and raises OperationalError where an answer does not come in `ANSWER_S`.

    Attributes:
        limited: False for statements that may take as long as they do.
    """

    limited = True

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        return super().wait(self._limited(gen) if self.limited else gen, *args, **kwargs)

    def _limited(self, gen: PQGen[T]) -> PQGen[T]:
        """The same generator; whoever runs it sends 0 for each tenth of a second without news."""
        deadline = monotonic() + ANSWER_S
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    deadline = monotonic() + ANSWER_S
                elif monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"it gave no answer for {ANSWER_S:.0f} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: T = end.value
            return answer
