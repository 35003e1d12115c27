"""Whether the log of evidence is whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from cv.cases.tables import EvidenceLogRow
from cv.evidence.log import LEAST_KEPT_S, START, Entry, line_hash

__all__ = ["Verdict", "verify_chain"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying the log found.

    Attributes:
        count: entries that hold together.
        head: hash of the last of them.
        broken: the first entry that does not; None if all do.
        why: what is wrong with it.
    """

    count: int
    head: str
    broken: int | None = None
    why: str = ""


def verify_chain(rows: Iterable[EvidenceLogRow], *, head: str | None = None) -> Verdict:
    """Follow the chain from its first entry to its last.

    Args:
        rows: all of the log, the oldest first.
        head: of an earlier verdict: the entry of this hash must still be there, or be the last one
            that was pruned.
    """
    chain = _Chain()
    for row in rows:
        broken = chain.take(row)
        if broken is not None:
            return Verdict(chain.count, chain.head, *broken)
        if head == row.hash:
            head = None
    if chain.pruned:
        why = f"is missing, as are all up to {chain.pruned[0]}"
        return Verdict(chain.count, chain.head, 1, why)
    prune = chain.prune
    if head is not None and not (prune and prune.sha256 == head):
        why = f"is missing: no entry has the hash {head}"
        if prune and prune.stored:
            why += f", unless it was noted before {prune.stored:%Y-%m-%d}: such entries are pruned"
        return Verdict(chain.count, chain.head, chain.seq + 1, why)
    return Verdict(chain.count, chain.head)


class _Chain:
    """What holds together so far.

    Attributes:
        pruned: number and hash of the entry before the first, until an entry tells of its pruning.
        prune: that entry.
    """

    def __init__(self) -> None:
        self.count = self.seq = 0
        self.head = START
        self.pruned: tuple[int, str] | None = None
        self.prune: Entry | None = None

    def take(self, row: EvidenceLogRow) -> tuple[int, str] | None:
        """Go on to the next entry; gives which one is broken, and why."""
        entry, why = _entry(row)
        if entry is None:
            return row.seq, why
        if self.count == 0 and row.seq > 1:
            self.pruned = (row.seq - 1, entry.previous)
        elif row.seq != self.seq + 1:
            return self.seq + 1, "is missing"
        elif entry.previous != self.head:
            return row.seq, "does not follow from the entry before it"
        if entry.action == "prune":
            if _too_early(entry):
                return row.seq, "pruned entries of the last six months"
            if self.pruned and _tells_of(entry, self.pruned):
                self.pruned, self.prune = None, entry
        self.count, self.seq, self.head = self.count + 1, row.seq, row.hash
        return None


def _entry(row: EvidenceLogRow) -> tuple[Entry | None, str]:
    if line_hash(row.entry) != row.hash:
        return None, "was changed: its hash is another"
    try:
        entry = Entry.model_validate_json(row.entry)
    except ValidationError:
        return None, "is no entry"
    if (entry.seq, entry.at, entry.what) != (row.seq, row.at, row.what):
        return None, "was changed: its columns contradict it"
    return entry, ""


def _too_early(prune: Entry) -> bool:
    return prune.stored is None or (prune.at - prune.stored).total_seconds() < LEAST_KEPT_S


def _tells_of(prune: Entry, pruned: tuple[int, str]) -> bool:
    last, last_hash = pruned
    return prune.what == f"log entries up to {last}" and prune.sha256 == last_hash
