"""The photo service as an ASGI application; everything it needs comes in as an argument."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import PlainTextResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.memory import return_memory
from cv.photos.desk import PhotoDesk
from cv.site import Site
from serve.analysis import Analyser
from serve.auth import Guard, Needs
from serve.bodies import BodyLimit
from serve.cases import cases_router
from serve.detect import BATCH, DETECT, detect_router, labels_router
from serve.documented import REFUSED, documented
from serve.evidence import evidence_router
from serve.limits import Limits, Rate
from serve.methods import HeadAsGet
from serve.metrics import Metrics, Observed
from serve.open311.access import NeedsApiKey
from serve.open311.routes import public_router, requests_router
from serve.originals import originals_router
from serve.outbox_metrics import OutboxMetrics
from serve.photos import PHOTOS, photos_router
from serve.problems import add_problem_handlers

__all__ = ["SEVERAL", "SINGLE", "create_app"]

SINGLE = frozenset({DETECT})
"""Paths that take one picture in a request."""
SEVERAL = frozenset({BATCH, PHOTOS})
"""Paths that take several."""
_LARGE = 8 * 1024 * 1024
"""Bytes: what a decoded photo takes, and little else."""
_DESCRIPTION = """
Detections and suggestions for photos. It proposes: a citizen's report (`report=true`) becomes a
case that a person reviews before anything is filed.

对照片给出检测结果和立案建议（至多三条，含国标事项代码）。仅提供建议：
市民上报（`report=true`）须经人工审核后方可立案。
"""


def create_app(
    detector: Detector,
    site: Site,
    *,
    limits: Limits | None = None,
    secret: str | None = None,
    keys: Keys | None = None,
    store: CaseStore | None = None,
) -> FastAPI:
    """Build the service.

    Args:
        site: its code table, time zone and data folder.
        secret: signs evidence links; without one, evidence is not served.
        keys: who may ask; without them, and until the first was made, everybody.
        store: its cases, photos and the log of evidence; without one, photos are answered and not
            kept, and neither cases nor evidence are served: nobody could write down who saw it.
    """
    limits = limits or Limits()
    metrics = Metrics()
    analyser = Analyser(detector, limits, metrics)
    desk = PhotoDesk(site, store.database if store else None)
    metrics.watch_disk(desk.space)
    outbox = OutboxMetrics(store) if store else None
    if outbox:
        metrics.registry.register(outbox)
    guard = Guard(keys)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        return_memory(_LARGE)
        await analyser.start()
        reading = asyncio.create_task(outbox.keep_fresh()) if outbox else None
        yield
        if reading:
            reading.cancel()
        analyser.close()

    # A city's network often has no way out: /docs brings its own scripts.
    app = FastAPIOffline(
        redoc_url=None,
        title="kerbwatch photo service",
        version=version("kerbwatch"),
        description=_DESCRIPTION,
        lifespan=lifespan,
    )
    add_problem_handlers(app)
    rate = Rate(limits)
    may_report = Depends(Needs(guard, Role.REPORT))
    for router in (
        detect_router(analyser, site, limits, rate),
        labels_router(analyser),
        photos_router(analyser, desk, limits, secret, rate),
    ):
        app.include_router(router, dependencies=[may_report], responses=REFUSED)
    if store:
        may_operate = Depends(Needs(guard, Role.OPERATE))
        app.include_router(
            cases_router(store, site, secret, rate), dependencies=[may_operate], responses=REFUSED
        )
        app.include_router(
            originals_router(site, store.database, rate),
            dependencies=[may_operate],
            responses=REFUSED,
        )
        app.include_router(public_router(site))
        may_post = NeedsApiKey(guard, Role.REPORT)
        app.include_router(requests_router(store, site, secret, may_post, rate))
    if store and secret:
        app.include_router(evidence_router(site, store.database, secret, rate))
    _add_probes(app, analyser, metrics)
    app.add_middleware(BodyLimit, limits=limits, pace=analyser.pace, single=SINGLE, several=SEVERAL)
    app.add_middleware(Observed, metrics=metrics)
    app.add_middleware(HeadAsGet)
    return app


def _add_probes(app: FastAPI, analyser: Analyser, metrics: Metrics) -> None:
    """Asynchronous on purpose: they answer on the event loop and never queue behind pictures."""

    @app.get("/healthz", tags=["probes"], summary="The process is alive 存活")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        tags=["probes"],
        summary="The model is loaded and warm 就绪",
        responses={
            503: documented(503, "Service Unavailable", "the model is not warm yet", "服务尚未就绪")
        },
    )
    async def readyz() -> dict[str, str]:
        if not analyser.ready:
            raise HTTPException(503, "the model is not warm yet", {"retry-after": "2"})
        info = analyser.detector.info
        return {"status": "ready", "model": f"{info.name} {info.version}"}

    @app.get(
        "/metrics",
        tags=["probes"],
        summary="Prometheus metrics 监控指标",
        response_class=PlainTextResponse,
    )
    async def prometheus() -> PlainTextResponse:
        return PlainTextResponse(
            generate_latest(metrics.registry).decode(), media_type=CONTENT_TYPE_LATEST
        )
