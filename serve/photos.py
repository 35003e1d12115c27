"""POST /v1/photos: a citizen's photos (随手拍) in, suggestions out. GET: the same again."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from cv.access.roles import Role
from cv.errors import ImageError
from cv.photos.desk import OtherContentError, PhotoDesk
from cv.photos.look import LookedAt, look_at, lowest_score
from cv.photos.store import StoredPhoto
from cv.photos.triage import Report, content_digest
from serve.analysis import Analysed, Analyser
from serve.answers import PhotoAnswer
from serve.documented import ERRORS, documented
from serve.evidence import NO_STORE
from serve.limits import BusyError, Limits, Rate
from serve.photo_answers import photo_answer
from serve.photo_form import MOST_IMAGES, PhotoForm, form_of, form_schema, location_of
from serve.problems import FormError, MissingError
from serve.upload import read_upload

__all__ = ["PHOTOS", "photos_router"]

PHOTOS = "/v1/photos"
_ID = re.compile(r"ph-[0-9a-f]{20}")


class NotKeptError(BusyError):
    """A case was asked for, and cannot be kept whole now (HTTP 503): nothing must be lost."""

    message_zh = "暂时无法登记，请稍后重新提交"


def photos_router(
    analyser: Analyser, desk: PhotoDesk, limits: Limits, secret: str | None, rate: Rate
) -> APIRouter:
    """Taking reports, and finding them again.

    Args:
        secret: signs evidence links; without one there are none.
    """
    router = APIRouter(tags=["photos 随手拍"], dependencies=[Depends(rate)])

    def answer(stored: StoredPhoto, *, kept: bool = True) -> PhotoAnswer:
        now = datetime.now(UTC)
        return photo_answer(stored, kept=kept, site=desk.site, secret=secret, now=now)

    @router.post(
        PHOTOS,
        summary="Suggest what a citizen's photos may show 随手拍识别建议",
        responses=ERRORS,
        openapi_extra={"requestBody": form_schema()},
    )
    async def photos(
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1,
                max_length=255,
                description="The same key and content give the same answer; other content is 422.",
            ),
        ] = None,
    ) -> PhotoAnswer:
        """Detections, quality, at most three suggestions with codes, what is known already, and
        what a case would still need. One to five pictures of one thing.
        """
        upload = await read_upload(request, limits, most=MOST_IMAGES)
        report = _report(form_of(upload.fields), idempotency_key, _sender(request))
        content = await run_in_threadpool(content_digest, upload.images, report)
        known = await run_in_threadpool(_known, desk, content, report)
        if known is not None:
            return answer(known)
        if report.report and not desk.space.has_room:
            # A camera will not see it again, and files without pictures. A phone can send it again.
            raise NotKeptError("there is no room for pictures right now; send it again", 60)
        detector, privacy = analyser.detector, desk.site.privacy
        waiting = iter(upload.images)

        def look(analysed: Analysed) -> tuple[LookedAt, float]:
            photo, found, elapsed_s = analysed
            began = time.perf_counter()
            looked = look_at(next(waiting), photo, found, detector, privacy)
            return looked, elapsed_s + time.perf_counter() - began

        def take(results: list[tuple[LookedAt, float] | ImageError]) -> tuple[StoredPhoto, bool]:
            looks, elapsed_s = _all_good(results)
            return desk.take(
                looks, report, content,
                detector=detector, now=datetime.now(UTC), elapsed_s=elapsed_s,
            )  # fmt: skip

        try:
            stored, kept = await analyser.analyse_each(
                upload.images, look, take, lowest_score(detector)
            )
        except OtherContentError as error:
            raise _other_content(error) from error
        if stored.record.report and not kept:
            raise NotKeptError("the report cannot be kept right now; send it again", 30)
        return answer(stored, kept=kept)

    @router.get(
        f"{PHOTOS}/{{photo_id}}",
        summary="The answer to an earlier photo 查询已上传照片的识别结果",
        responses={
            404: documented(404, "Not Found", "no such photo", "没有这张照片"),
            410: documented(410, "Gone", "the photo was deleted", "图片已按期删除"),
            422: ERRORS[422],
        },
    )
    def photo(photo_id: str, request: Request, response: Response) -> PhotoAnswer:
        """As it was answered; evidence links are new, and the case is as it stands now.

        For who sent it, and for keys of role `operate`; to others there is no such photo.
        """
        response.headers["cache-control"] = NO_STORE["cache-control"]
        return answer(_kept(desk, photo_id, request))

    return router


def _kept(desk: PhotoDesk, photo_id: str, request: Request) -> StoredPhoto:
    known = _ID.fullmatch(photo_id) is not None
    stored = desk.get(photo_id) if known else None
    if stored is not None and _may_see(request, stored):
        return stored
    if known and stored is None and desk.was_deleted(photo_id):
        raise HTTPException(410, "the photo was deleted")
    raise MissingError("no such photo", "没有这张照片")


def _sender(request: Request) -> str | None:
    """The id of the key; None as long as there are no keys."""
    key: str | None = getattr(request.state, "client", None)
    return key


def _may_see(request: Request, stored: StoredPhoto) -> bool:
    """Whether a photo is the asker's own, or the asker is at the desk.

    It tells where somebody was, and shows what nobody has confirmed yet: that is not another app's
    to know, which learns of the id by sending a picture like it.
    """
    key = _sender(request)
    return key is None or stored.sender == key or request.state.role.includes(Role.OPERATE)


def _all_good(
    results: Sequence[tuple[LookedAt, float] | ImageError],
) -> tuple[list[LookedAt], float]:
    """All pictures, and the seconds that they took; one that is refused refuses the report."""
    looks: list[LookedAt] = []
    elapsed_s = 0.0
    for number, result in enumerate(results, 1):
        if isinstance(result, ImageError):
            raise result if len(results) == 1 else _numbered(result, number)
        looks.append(result[0])
        elapsed_s += result[1]
    return looks, elapsed_s


def _numbered(error: ImageError, number: int) -> ImageError:
    return ImageError(
        f"image {number}: {error}",
        status=error.status,
        message_zh=f"第 {number} 张图片：{error.message_zh}",
    )


def _known(desk: PhotoDesk, content: str, report: Report) -> StoredPhoto | None:
    try:
        return desk.known(content, report)
    except OtherContentError as error:
        raise _other_content(error) from error


def _other_content(error: OtherContentError) -> FormError:
    return FormError(str(error), "该 Idempotency-Key 已用于另一份内容")


def _report(form: PhotoForm, key: str | None, sender: str | None) -> Report:
    return Report(
        location=location_of(form),
        captured_at=form.captured_at,
        address=form.address,
        description=form.description,
        category=form.category,
        reporter=form.reporter,
        report=form.report,
        key=key,
        sender=sender,
        fields=form.model_dump(mode="json", exclude_none=True),
    )
