"""Whether somebody else is at a file or a folder."""

from __future__ import annotations

import fcntl
from typing import Protocol

__all__ = ["is_ours"]


class _Opened(Protocol):
    def fileno(self) -> int: ...


def is_ours(file: int | _Opened, *, for_children: bool = True) -> bool:
    """Hold what is opened until it is closed; who is killed lets go of it.

    Where the disk has no locks, as on some network shares, nobody is held off.

    Args:
        for_children: processes that this one makes hold it as well, and may outlive it.

    Returns:
        False if somebody else holds it.
    """
    lock = fcntl.flock if for_children else fcntl.lockf
    try:
        lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except PermissionError:  # which `lockf` may say as well
        return for_children
    except OSError:
        pass
    return True
