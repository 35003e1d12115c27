"""A view library (视图库) for tests: GA/T 1400.4 over HTTP, as far as it is publicly described.

Registers devices (with Digest authentication, RFC 7616, where it is told to ask), forgets those
that are silent, checks each picture that comes, remembers it for good, and misbehaves as told.
"""

import base64
import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

DEVICE, USER, PASSWORD = "42100200005030000001", "kerbwatch", "view-library-pass"
_REALM = "viid"
_LAPSE_S = 300.0
_BOX = ("LeftTopX", "LeftTopY", "RightBtmX", "RightBtmY")


@dataclass
class ViewLibrary:
    """The library's memory and its ways.

    Attributes:
        with_digest: ask who registers.
        skipped_s: how far its clock is ahead: a device that is silent for 300 s is forgotten.
        http: the next requests for pictures are answered so, and not taken.
        codes: StatusCode and StatusString of the next pictures, which are taken only with 0.
        answers: how many statuses a list has at most.
        refuses_devices: Register is answered 200 and StatusCode 1.
        images: by ImageID, as they came first.
        calls: path of each call that got past registration, in order.
    """

    with_digest: bool = False
    skipped_s: float = 0.0
    http: list[int] = field(default_factory=list)
    codes: list[tuple[int, str]] = field(default_factory=list)
    answers: int = 100
    refuses_devices: bool = False
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeats: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    _seen: dict[str, float] = field(default_factory=dict)
    _nonces: set[str] = field(default_factory=set)

    def forget(self) -> None:
        """As a restart does."""
        self._seen.clear()
        self._nonces.clear()

    @property
    def is_registered(self) -> bool:
        return self._now() - self._seen.get(DEVICE, -1e9) < _LAPSE_S

    def _now(self) -> float:
        return time.monotonic() + self.skipped_s

    async def system(self, what: str, request: Request) -> Response:
        device = (await request.json())[f"{what}Object"]["DeviceID"]
        assert request.headers["user-identify"] == device
        assert re.fullmatch(r"\d{20}", device)
        if what == "Register":
            if self.with_digest and not self._is_authentic(request):
                return self._challenge()
            if self.refuses_devices:
                return self._single(request, device, 1, "设备未授权")
            self._seen[device] = self._now()
        elif not self.is_registered:
            return JSONResponse(self._status(request, device, 4, "未注册"), 401)
        if what == "UnRegister":
            self._seen.pop(device)
        else:
            self._seen[device] = self._now()
        self.calls.append(what)
        return self._single(request, device, 0, "正常")

    async def post_images(self, request: Request) -> Response:
        device = request.headers["user-identify"]
        if not self.is_registered:
            return JSONResponse(self._status(request, device, 4, "未注册"), 401)
        self._seen[device] = self._now()
        if self.http:
            return JSONResponse(self._status(request, device, 2, "忙"), self.http.pop(0))
        assert request.headers["content-type"] == "application/VIID+JSON"
        document = await request.json()
        self.calls.append("Images")
        rows = [self._take(request, image) for image in document["ImageListObject"]["Image"]]
        return JSONResponse(
            {"ResponseStatusListObject": {"ResponseStatusObject": rows[: self.answers]}}
        )

    def _take(self, request: Request, image: dict[str, Any]) -> dict[str, Any]:
        info = image["ImageInfo"]
        key = info["ImageID"]
        assert re.fullmatch(r"\d{41}", key)
        assert key.startswith(f"{info['DeviceID']}02{info['ShotTime']}")
        time.strptime(info["ShotTime"], "%Y%m%d%H%M%S")
        assert info["Type"] in ("14", "13", "100")
        assert info["FileFormat"] == "Jpeg"
        assert len(base64.b64decode(image["Data"], validate=True)) == info["FileSize"]
        for thing in image.get("ThingList", {}).get("ThingObject", []):
            assert re.fullmatch(r"\d{48}", thing["ThingID"])
            assert thing["SourceID"] == key
            x1, y1, x2, y2 = (thing[name] for name in _BOX)
            assert 0 <= x1 < x2 <= info["Width"]
            assert 0 <= y1 < y2 <= info["Height"]
        code, text = self.codes.pop(0) if self.codes else (0, "正常")
        if code == 0:
            if key in self.images:
                self.repeats.append(key)
            self.images.setdefault(key, image)
        status: dict[str, Any] = self._status(request, key, code, text)["ResponseStatusObject"]
        return status

    def _single(self, request: Request, name: str, code: int, text: str) -> Response:
        return JSONResponse(self._status(request, name, code, text))

    def _status(self, request: Request, name: str, code: int, text: str) -> dict[str, Any]:
        return {
            "ResponseStatusObject": {
                "RequestURL": request.url.path,
                "StatusCode": code,
                "StatusString": text,
                "Id": name,
                "LocalTime": time.strftime("%Y%m%d%H%M%S"),
            }
        }

    def _challenge(self) -> Response:
        nonce = secrets.token_hex(8)
        self._nonces.add(nonce)
        challenge = f'Digest realm="{_REALM}", qop="auth", nonce="{nonce}", algorithm=MD5'
        return Response(status_code=401, headers={"www-authenticate": challenge})

    def _is_authentic(self, request: Request) -> bool:
        """RFC 7616 §3.4.1, with MD5 and qop=auth."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        given = parse_keqv_list(parse_http_list(text))
        if scheme != "Digest" or given.get("nonce") not in self._nonces:
            return False
        who = _md5(f"{USER}:{_REALM}:{PASSWORD}")
        what = _md5(f"{request.method}:{request.url.path}")
        parts = (who, given["nonce"], given["nc"], given["cnonce"], "auth", what)
        return given["username"] == USER and given["response"] == _md5(":".join(parts))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class ViewLibraryServer:
    """The library as an application; `library` may be replaced at any time."""

    def __init__(self) -> None:
        self.library = ViewLibrary()

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/VIID/System/{what}")
        async def system(what: str, request: Request) -> Response:
            return await self.library.system(what, request)

        @app.post("/VIID/Images")
        async def post_images(request: Request) -> Response:
            return await self.library.post_images(request)

        return app
