"""How messages to the city's systems stand, for Prometheus: what is late must be seen, not found.

The outbox is read every few seconds beside the event loop, so that a scrape never waits for a
database. While that is away there is no gauge but `kerbwatch_case_store_up`: an old number would
look like a good one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cv.cases.deliveries import LaneStanding
from cv.cases.store import CaseStore
from cv.errors import StoreError

__all__ = ["OutboxMetrics"]

EVERY_S = 10.0


class OutboxMetrics(Collector):
    """Gauges as of a few seconds ago."""

    def __init__(self, store: CaseStore) -> None:
        self._store = store
        self._lanes: list[LaneStanding] | None = None
        self._off: set[str] = set()

    async def keep_fresh(self) -> None:
        """Read the outbox again and again, until cancelled."""
        try:
            while True:
                await asyncio.to_thread(self._read)
                await asyncio.sleep(EVERY_S)
        finally:
            self._lanes = None

    def collect(self) -> Iterator[Metric]:
        lanes = self._lanes
        yield GaugeMetricFamily(
            "kerbwatch_case_store_up", "The case store answers", value=lanes is not None
        )
        if lanes is None:
            return
        messages = GaugeMetricFamily(
            "kerbwatch_messages",
            "Messages to a target that are pending, held for review, or dead (given up)",
            labels=["target", "state"],
        )
        age = GaugeMetricFamily(
            "kerbwatch_oldest_message_seconds",
            "Since the oldest pending or dead message was filed; 0 without one",
            labels=["target"],
        )
        off = GaugeMetricFamily(
            "kerbwatch_target_off", "1: it gets nothing until `cases retry`", labels=["target"]
        )
        now = datetime.now(UTC)
        for lane in lanes:
            for state in ("pending", "held", "dead"):
                messages.add_metric([lane.target, state], getattr(lane, state))
            waited = (now - lane.oldest_at).total_seconds() if lane.oldest_at else 0.0
            age.add_metric([lane.target], max(waited, 0.0))
            off.add_metric([lane.target], lane.target in self._off)
        yield from (messages, age, off)

    def _read(self) -> None:
        try:
            lanes, self._off = self._store.outbox.lanes(), set(self._store.outbox.turned_off())
        except StoreError:
            self._lanes = None
        else:
            self._lanes = lanes
