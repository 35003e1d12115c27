"""GA/T 1400: the pictures of a case go to a view library (视图库), `POST /VIID/Images`.

The printed standard was not at hand. What is sent is what public descriptions and implementations
agree on (docs/how-to-receive-cases.md says what is not known). The library knows pictures, not
cases: each has an ImageID that is derived from the case, so that one that is sent twice is the same
picture there; there is nothing to close, `cleared` adds the picture of the empty place.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx2

from cv.cases.case import Case, EvidenceItem
from cv.cases.conversation import Endpoint
from cv.cases.outgoing import Outgoing
from cv.cases.targets import Message, Receipt, secret
from cv.cases.viid import Registration, Status, statuses
from cv.cases.wording import headline
from cv.errors import DeliveryError
from cv.site import Gat1400 as Settings

__all__ = ["Gat1400Target"]

_TYPES = {"scene": "14", "before": "14", "after": "14", "crop": "13", "report": "100"}
"""Of each role: 场景图, 物品图, 一般图片."""
_ORDINALS = {"scene": 0, "crop": 1, "before": 2, "after": 3, "report": 4}
_AUTOMATIC, _BY_HAND = 1, 2
_IMAGE, _THING = "02", "04"
_OTHER_SOURCE = "99"
_HAS_IT = re.compile(r"exist|duplicate|重复|已存在", re.IGNORECASE)
_MOST_REMEMBERED = 10_000
logger = logging.getLogger(__name__)


class Gat1400Target:
    """Sends the masked pictures of cases.

    Args:
        password: of `settings.user`, if there is one.
        outgoing: what may leave.
    """

    name = "gat1400"

    def __init__(self, settings: Settings, password: str | None, outgoing: Outgoing) -> None:
        self._settings = settings
        self._outgoing = outgoing
        self._endpoint = Endpoint(settings.url, settings.timeout_s, (password or "",))
        auth = httpx2.DigestAuth(settings.user, password) if settings.user and password else None
        self._library = Registration(self._endpoint, settings.device, auth, settings.keepalive_s)
        self._taken: dict[str, None] = {}

    @classmethod
    def of(cls, settings: Settings, outgoing: Outgoing) -> Self:
        return cls(settings, secret(settings.secret_env) if settings.user else None, outgoing)

    def deliver(self, message: Message) -> Receipt:
        case, files = self._outgoing.with_files(message.case)
        pictures = {_image_id(i, case, self._settings): i for i in case.evidence if i.file}
        if case.evidence and not pictures:
            _check_lack({item.withheld or "" for item in case.evidence}, message.key)
        new = {key: item for key, item in pictures.items() if key not in self._taken}
        if new:
            images = [self._image(key, item, case, files) for key, item in new.items()]
            answer = self._library.post("/VIID/Images", {"ImageListObject": {"Image": images}})
            self._settle(list(new), statuses(answer))
        return Receipt()

    def close(self) -> None:
        self._library.close()

    def _settle(self, sent: list[str], found: list[Status]) -> None:
        """Note what the library has now.

        Raises:
            DeliveryError: it does not say of every picture that it has it. Only 0 is known to mean
                that; a refusal of any kind may be over later.
        """
        told = dict(_by_picture(sent, found))
        refused = {}
        for key in sent:
            status = told.get(key)
            if status and (status.code == 0 or _HAS_IT.search(status.text)):
                self._taken[key] = None
            else:
                refused[key] = status
        while len(self._taken) > _MOST_REMEMBERED:
            del self._taken[next(iter(self._taken))]
        if refused:
            key, status = next(iter(refused.items()))
            text = f"{len(refused)} of {len(sent)} pictures refused; {key}: "
            raise DeliveryError(self._endpoint.safe(text + str(status or "no StatusCode")))

    def _image(
        self, key: str, item: EvidenceItem, case: Case, files: Mapping[str, Path]
    ) -> dict[str, Any]:
        try:
            content = files[str(item.file)].read_bytes()
        except OSError as error:
            raise DeliveryError(f"{item.file}: {error.strerror}") from error
        place, device = case.place, _device(item, case, self._settings)
        info = {
            "ImageID": key,
            "InfoKind": _BY_HAND if item.role == "report" else _AUTOMATIC,
            "ImageSource": _OTHER_SOURCE,
            "EventSort": self._settings.events.get(case.matter.code5),
            "DeviceID": device,
            "Type": _TYPES[item.role],
            "FileFormat": "Jpeg",
            "ShotTime": _shot_time(item, case),
            "Title": headline(case)[:128],
            "ContentDescription": f"{case.matter.code5} {case.matter.name_zh}; Case: {case.id}",
            "ShotPlaceFullAdress": place.address,
            "ShotPlaceLongitude": place.lon,
            "ShotPlaceLatitude": place.lat,
            "Width": item.w,
            "Height": item.h,
            "FileSize": len(content),
        }
        things = [
            {
                "ThingID": f"{key}{_THING}00001",
                "InfoKind": info["InfoKind"],
                "SourceID": key,
                "DeviceID": device,
                **box,
            }
            for box in _boxes(item, case)
        ]
        return {
            "ImageInfo": {name: value for name, value in info.items() if value is not None},
            **({"ThingList": {"ThingObject": things}} if things else {}),
            "Data": base64.b64encode(content).decode(),
        }


def _check_lack(reasons: set[str], key: str) -> None:
    """A message none of whose pictures may leave tells a library nothing, and is done with: as a
    dead letter it would hold back those of its case that have some.

    Raises:
        DeliveryError: files are gone, which a person may bring back: their folder is not mounted.
    """
    why = f"no picture may leave: {', '.join(sorted(reasons))}"
    if "missing" in reasons:
        raise DeliveryError(why, permanent=True)
    logger.warning("gat1400: %s: %s", key, why)


def _by_picture(sent: list[str], found: list[Status]) -> Iterator[tuple[str, Status]]:
    """Which status is whose: by its Id; where it names none of ours, by its place in the list."""
    for key, status in zip(sent, found, strict=False):
        if status.id not in sent:
            yield key, status
    yield from ((status.id, status) for status in found if status.id in sent)


def _device(item: EvidenceItem, case: Case, settings: Settings) -> str:
    """Who took the picture: the camera; we ourselves if it has no number, or a citizen took it."""
    taken_by = None if item.role == "report" else case.source.camera_gb_id
    return taken_by or settings.device


def _image_id(item: EvidenceItem, case: Case, settings: Settings) -> str:
    """41 digits: device, kind, time, and five that tell apart what one device took in a second.

    The same for ever: nothing of it changes with later messages of a case.
    """
    name, _, ordinal = item.id.rpartition("/")
    kind = _ORDINALS[item.role] + (int(ordinal) % 6 if ordinal.isdecimal() else 0)
    digest = hashlib.sha256(name.encode()).digest()
    number = int.from_bytes(digest[:8], "big") % 10_000
    return f"{_device(item, case, settings)}{_IMAGE}{_shot_time(item, case)}{number:04d}{kind}"


def _shot_time(item: EvidenceItem, case: Case) -> str:
    """When the picture was taken, on the site's clock."""
    time = case.time
    report = next((r for r in case.reports if item.id.startswith(f"{r.id}/")), None)
    if item.taken:
        moment = item.taken
    elif item.role == "report" and report:  # a photo need not say it
        moment = report.captured
    elif item.role == "after":
        moment = time.cleared or time.captured
    else:
        moment = time.first_seen if item.role == "before" else time.confirmed
    return f"{moment.astimezone(time.reported.tzinfo):%Y%m%d%H%M%S}"


def _boxes(item: EvidenceItem, case: Case) -> Iterator[dict[str, int]]:
    """Where the thing is in a picture of the whole scene, in that picture's pixels.

    Of citizens' pictures the first is the one that the model saw it in.
    """
    is_reported = item == case.evidence[0] and item.role == "report" and not case.is_watched
    if item.role not in ("scene", "before") and not is_reported:
        return
    for seen in case.detections:
        across, down = item.w / seen.image_wh[0], item.h / seen.image_wh[1]
        x, y, width, height = seen.bbox
        yield {
            "LeftTopX": round(x * across),
            "LeftTopY": round(y * down),
            "RightBtmX": round((x + width) * across),
            "RightBtmY": round((y + height) * down),
        }
