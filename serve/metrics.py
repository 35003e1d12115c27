"""Prometheus metrics of one service, in a registry of its own."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cv.disk import DiskSpace

__all__ = ["Metrics", "Observed"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "kerbwatch_requests", "Requests answered", ["route", "status"], registry=self.registry
        )
        self.latency = Histogram(
            "kerbwatch_request_seconds",
            "Time from first byte to answer",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.analysis = Histogram(
            "kerbwatch_analysis_seconds",
            "Decoding and inference of one picture",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "kerbwatch_pictures_in_work", "Pictures queued or in work", registry=self.registry
        )
        self.rejected = Counter(
            "kerbwatch_busy", "Requests told to come back (503)", registry=self.registry
        )

    def watch_disk(self, space: DiskSpace) -> None:
        """Tell of the room for pictures and cases, as it is when somebody asks."""
        free = Gauge("kerbwatch_disk_free_bytes", "Free where pictures lie", registry=self.registry)
        free.set_function(lambda: space.free)
        room = Gauge(
            "kerbwatch_disk_room",
            "Room for pictures: 0 plenty, 1 fewer and smaller ones, 2 none",
            registry=self.registry,
        )
        room.set_function(lambda: space.room)


class Observed:
    """Counts and times every request by its route's template, never by its raw path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.latency.labels(route).observe(time.perf_counter() - began)
