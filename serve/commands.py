"""`kerbwatch serve`."""

from __future__ import annotations

import gc
import shlex
import signal
import socket
from contextlib import nullcontext
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from cv.access.keys import Keys
from cv.cases.delivering import delivering
from cv.cases.links import link_secret
from cv.cases.opening import open_store
from cv.detect.detector import Detector
from cv.detect.model_options import BackendOption, ModelOption, ThreadsOption
from cv.errors import UserError
from cv.evidence.hourly import deleting_hourly
from cv.evidence.originals import open_originals
from cv.site.choice import SiteOption, open_site

__all__ = ["serve"]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free port.")] = 8000,
    site: SiteOption = None,
    model: ModelOption = None,
    backend: BackendOption = "auto",
    threads: ThreadsOption = None,
    workers: Annotated[int, typer.Option(min=1, help="Pictures analysed at the same time.")] = 2,
    queue: Annotated[int, typer.Option(min=0, help="Pictures that may wait.")] = 16,
    max_bytes: Annotated[int, typer.Option(min=1, help="Bytes of one picture.")] = 10 * 1024 * 1024,
    max_pixels: Annotated[int, typer.Option(min=1, help="Pixels of one picture.")] = 50_000_000,
    max_images: Annotated[int, typer.Option(min=1, help="Pictures in one batch.")] = 10,
    within: Annotated[
        float, typer.Option(min=0, help="Seconds to an answer; who would wait longer is sent away.")
    ] = 1.8,
    rate: Annotated[
        int, typer.Option(min=0, help="Requests of one client a minute; 0: no limit.")
    ] = 600,
    deliver: Annotated[bool, typer.Option(help="Deliver cases as people decide on them.")] = True,
) -> None:
    """Answer photos over HTTP (随手拍): /v1/detect, /v1/photos, /docs."""
    import uvicorn

    from serve.app import create_app
    from serve.connections import TimedProtocol
    from serve.limits import Limits

    place = open_site(site, None)
    notice = open_originals(place.reporting.data).notice
    detector = Detector(model, backend=backend, threads=threads)
    limits = Limits(
        max_bytes, max_pixels, workers, queue, images=max_images, rate=rate, within_s=within
    )
    store = open_store(place)
    keys = Keys(store.database)
    guarded = keys.any()
    app = create_app(detector, place, limits=limits, secret=link_secret(), keys=keys, store=store)
    listener = _listen(host, port)
    address, bound = listener.getsockname()[:2]
    if not guarded and not ip_address(address.partition("%")[0]).is_loopback:
        listener.close()
        raise UserError(
            f"--host {host}: others could reach it, and there is no key yet; "
            f"make one with `kerbwatch keys create --name NAME{_site_option(site)}`"
        )
    typer.echo(
        f"kerbwatch photo service on http://{address}:{bound} (documentation: /docs)", err=True
    )
    if notice:
        typer.echo(notice, err=True)
    if not guarded:
        typer.echo("no keys: it answers everybody on this machine", err=True)
    config = uvicorn.Config(
        app,
        http=TimedProtocol,
        log_level="warning",
        timeout_graceful_shutdown=30,
        server_header=False,
    )
    # What is there by now stays as long as the process: to go through all of it again and again
    # would stop every thread for a tenth of a second each time.
    gc.collect()
    gc.freeze()
    # Uvicorn shuts down in order and then raises the signal again; that is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    with (
        deleting_hourly(place, store.database),
        delivering(store, place) if deliver else nullcontext(),
    ):
        uvicorn.Server(config).run(sockets=[listener])


def _site_option(site: Path | None) -> str:
    return f" --site {shlex.quote(str(site))}" if site else ""


def _listen(host: str, port: int) -> socket.socket:
    """Bind here, so that a port in use is one line and not a stack trace."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener
