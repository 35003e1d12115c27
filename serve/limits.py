"""What one request may cost, and the refusal of what costs more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from math import ceil

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from cv.errors import ImageError, KerbwatchError

__all__ = [
    "STORE_AWAY_S",
    "BusyError",
    "Limits",
    "PerMinute",
    "Rate",
    "RateError",
    "address",
    "body_too_large",
    "subscriber",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service accepts, of one client and of all together.

    Attributes:
        image_bytes, image_pixels: of one picture.
        workers: pictures decoded and analysed at the same time.
        queue: requests that may wait for a worker; more are told to come back.
        images: in one request.
        request_bytes: of a whole request with several pictures.
        text_bytes: of a request without pictures, and of one field beside pictures.
        held_bytes: of all bodies that the process holds at a time.
        rate: requests of one client a minute; 0 is no limit.
        body_s: seconds in which a body has to arrive.
        slow_s: seconds from which on a body that still arrives is a slow one; a client's slow ones,
            if they are several, may hold a third of `held_bytes`.
        within_s: seconds in which a picture is answered once it has arrived; who would have to wait
            longer is told to come back.
        decoding_bytes: of a picture that has to be in memory whole before it can be made smaller:
            16 million pixels of PNG, WebP and progressive JPEG, 21 million of HEIC.
    """

    image_bytes: int = 10 * 1024 * 1024
    image_pixels: int = 50_000_000
    workers: int = 2
    queue: int = 16
    images: int = 10
    request_bytes: int = 32 * 1024 * 1024
    text_bytes: int = 64 * 1024
    held_bytes: int = 96 * 1024 * 1024
    rate: int = 600
    body_s: float = 60.0
    slow_s: float = 10.0
    within_s: float = 1.8
    decoding_bytes: int = 98_000_000


STORE_AWAY_S = 5
"""Seconds after which to ask again while the case store does not answer."""


class BusyError(KerbwatchError):
    """More is asked for than can be done now (HTTP 503)."""

    status = 503
    message_zh = "服务繁忙，请稍后再试"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateError(BusyError):
    """One client asks for more than its share (HTTP 429)."""

    status = 429
    message_zh = "请求过于频繁，请稍后再试"


def body_too_large(limit: int) -> ImageError:
    return ImageError(
        f"too large: more than {limit} bytes",
        status=413,
        message_zh=f"内容过大，最多 {limit} 字节",
    )


class PerMinute:
    """At most so many things a minute of each client.

    Two counters a client, however fast it asks: a flood costs no memory.

    Args:
        most: a minute.
        what: as the refusal names it.
    """

    def __init__(self, most: int, what: str) -> None:
        self._item = RateLimitItemPerMinute(most)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._what = what

    def count(self, client: str) -> None:
        """One more.

        Raises:
            RateError: of too many in the last minute; that one is not counted.
        """
        if not self.counts(client):
            raise self._refusal(client)

    def counts(self, client: str) -> bool:
        """As `count`; False instead of an error."""
        return self._limiter.hit(self._item, client)

    def check(self, client: str, more: int = 1) -> None:
        """As `count` of so many more, without counting."""
        if not self._limiter.test(self._item, client, cost=more):
            raise self._refusal(client)

    def _refusal(self, client: str) -> RateError:
        free_at = self._limiter.get_window_stats(self._item, client).reset_time
        wait = max(1, ceil(free_at - time.time()))
        return RateError(f"more than {self._item.amount} {self._what} a minute", wait)


class Rate:
    """Counts each client's requests; a dependency of the routes that cost something.

    A client is `request.state.client`, where a key named one, or else a subscriber.

    Raises:
        RateError: too many in the last minute.
    """

    def __init__(self, limits: Limits) -> None:
        self._requests = PerMinute(limits.rate, "requests") if limits.rate else None

    async def __call__(self, request: Request) -> None:
        if self._requests:
            self._requests.count(str(getattr(request.state, "client", None) or subscriber(request)))


def address(request: Request) -> str:
    """Where a request comes from. A proxy on this machine says it in X-Forwarded-For; of one
    elsewhere uvicorn believes that if `FORWARDED_ALLOW_IPS` names it.
    """
    return request.client.host if request.client else "unknown"


def subscriber(request: Request) -> str:
    """Who counts as one where no key says who it is: an address, or the /64 of an IPv6 one. That is
    what a subscriber has to themselves, with more addresses than could ever be counted.
    """
    text = address(request)
    try:
        given = IPv6Address(text)
    except ValueError:
        return text
    # Some proxies write an IPv4 client so.
    return str(given.ipv4_mapped or IPv6Network((given.packed, 64), strict=False))
