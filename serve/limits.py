"""What one request may cost, and the refusal of what costs more."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cv.errors import ImageError, KerbwatchError

__all__ = ["BodyLimit", "BusyError", "Limits", "body_too_large"]

_FORM_OVERHEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Attributes:
        image_bytes, image_pixels: of one picture.
        workers: pictures decoded and analysed at the same time.
        queue: requests that may wait for a worker; more are told to come back.
    """

    image_bytes: int = 10 * 1024 * 1024
    image_pixels: int = 50_000_000
    workers: int = 2
    queue: int = 16


class BusyError(KerbwatchError):
    """All workers are taken and the queue is full (HTTP 503)."""

    retry_after_s = 1


def body_too_large(limit: int) -> ImageError:
    return ImageError(
        f"the picture is too large: more than {limit} bytes",
        status=413,
        message_zh=f"图片过大，最多 {limit} 字节",
    )


class BodyLimit:
    """Counts a request's bytes as they arrive, chunked ones too, before anything parses them."""

    def __init__(self, app: ASGIApp, image_bytes: int) -> None:
        self._app = app
        self._image_bytes = image_bytes
        self._most = image_bytes + _FORM_OVERHEAD

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        refused = declared.isdigit() and int(declared) > self._most
        received = 0

        async def counted() -> Message:
            nonlocal received
            if refused:
                raise body_too_large(self._image_bytes)
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise body_too_large(self._image_bytes)
            return message

        await self._app(scope, counted, send)
