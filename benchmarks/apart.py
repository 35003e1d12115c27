"""Work in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any


def apart(work: Callable[..., None], *arguments: Any) -> None:
    """Do it in a new process, whose memory (a run's photos, say) goes with it.

    Raises:
        SystemExit: it failed, with its status.
    """
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
