"""From a photo's record to the answer: fresh evidence links, and what is still missing."""

from __future__ import annotations

from datetime import datetime, timedelta

from cv.cases.links import LINK_LIFE_S, evidence_url
from cv.photos.case import matter_of
from cv.photos.record import MaskedEvidence, PhotoImage
from cv.photos.store import CaseStanding, StoredPhoto
from cv.site import Site
from serve.answers import (
    DetectionAnswer,
    EvidenceAnswer,
    ImageAnswer,
    Missing,
    ModelAnswer,
    PhotoAnswer,
    PhotoCaseAnswer,
    PhotoImageAnswer,
)

__all__ = ["photo_answer"]

_NOTES = {
    "suggested": {
        "note_en": "These are suggestions. Nothing was filed; a person decides.",
        "note_zh": "以上仅为建议，未立案，由工作人员核定。",
    },
    "asked": {
        "note_en": "The report has a case; a person decides about it.",
        "note_zh": "已登记为待核实线索，由工作人员核定是否立案。",
    },
    "decided": {
        "note_en": "The report has a case, and it has been decided; `case` says how it stands.",
        "note_zh": "该线索已核定，办理情况见 case。",
    },
}
_MISSING = {
    "category": Missing(
        field="category",
        message_en="What is it? Send category: nothing in the pictures suggests a matter.",
        message_zh="缺少问题类别：照片中未识别出可立案事项，请提供 category。",
    ),
    "location": Missing(
        field="location",
        message_en="Where was it? Send lon, lat and coord_sys.",
        message_zh="缺少位置：请提供 lon、lat 和 coord_sys。",
    ),
    "captured_at": Missing(
        field="captured_at",
        message_en="When was it taken? Send captured_at, ISO 8601 with an offset.",
        message_zh="缺少拍摄时间：请提供带时区的 captured_at（ISO 8601）。",
    ),
    "address": Missing(
        field="address",
        message_en="Describe the place in words, with a landmark.",
        message_zh="缺少地点描述：请说明道路、方位和附近标志物。",
    ),
}
_WITHHELD = {
    "masking failed": (
        "The picture could not be masked, so it is not given out.",
        "图片打码失败，不对外提供。",
    ),
    "not masked": (
        "The picture shows what is masked by now, so it is not given out.",
        "该图片未按现行要求打码，不对外提供。",
    ),
    "not stored": ("The picture was not stored.", "图片未能保存。"),
    "no secret": (
        "The service has no KERBWATCH_SECRET to sign links with.",
        "服务未配置 KERBWATCH_SECRET，无法生成签名链接。",
    ),
}


def photo_answer(
    stored: StoredPhoto, *, kept: bool, site: Site, secret: str | None, now: datetime
) -> PhotoAnswer:
    """What the client is told of a report that was taken or found again.

    Args:
        kept: it can be asked for again by its id.
        site: the service's address, if links are not to be relative to it, and what is masked.
        now: aware; links expire `LINK_LIFE_S` later.
    """
    record, case = stored.record, stored.case
    images = [_image(image, site, secret, now) for image in record.images]
    gaps = {
        "category": record.report and matter_of(record) is None,
        "location": record.location is None,
        "captured_at": record.captured_at is None,
        "address": record.address is None,
    }
    return PhotoAnswer(
        id=record.id if kept else None,
        received_at=record.received_at,
        image=_plain(record.images[0]),
        model=ModelAnswer(**dict(record.model)),
        detections=images[0].detections,
        images=images,
        elapsed_ms=record.elapsed_ms,
        suggestions=list(record.suggestions),
        location=record.location,
        captured_at=record.captured_at,
        category=record.category,
        exif=record.exif,
        disagreements=list(record.disagreements),
        duplicate_of=list(record.duplicate_of),
        missing=[_MISSING[name] for name, absent in gaps.items() if absent],
        report=record.report,
        case=_case(case) if case else None,
        filed=case is not None and case.posted,
        **_NOTES[_note(case)],
    )


def _note(case: CaseStanding | None) -> str:
    if case is None:
        return "suggested"
    return "asked" if case.review.state == "proposed" and not case.closed else "decided"


def _case(case: CaseStanding) -> PhotoCaseAnswer:
    return PhotoCaseAnswer(
        id=case.id,
        joined=case.joined,
        state=case.state,
        review=case.review.state,
        reason=case.review.reason,
        number=case.number,
        closed=case.closed,
    )


def _plain(image: PhotoImage) -> ImageAnswer:
    return ImageAnswer(width=image.width, height=image.height, mime=image.mime, sha256=image.sha256)


def _image(image: PhotoImage, site: Site, secret: str | None, now: datetime) -> PhotoImageAnswer:
    return PhotoImageAnswer(
        **dict(_plain(image)),
        detections=[DetectionAnswer(**dict(detection)) for detection in image.detections],
        quality=image.quality,
        evidence=_evidence(image.evidence, site, secret, now),
    )


def _evidence(
    evidence: MaskedEvidence, site: Site, secret: str | None, now: datetime
) -> EvidenceAnswer:
    is_masked = evidence.is_masked(site.privacy)
    if evidence.file and is_masked and secret:
        expires = (now + timedelta(seconds=LINK_LIFE_S)).replace(microsecond=0)
        url = evidence_url(site.reporting.public_url or "", evidence.file, secret, now=now)
        return EvidenceAnswer(url=url, expires=expires, withheld=None)
    why = evidence.withheld or ("no secret" if is_masked else "not masked")
    english, chinese = _WITHHELD[why]
    return EvidenceAnswer(
        url=None, expires=None, withheld=why, message_en=english, message_zh=chinese
    )
