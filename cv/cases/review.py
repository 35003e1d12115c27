"""Who says of a case that it is one: a person, or the site's policy for its matter."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum

from cv.cases.case import Case
from cv.cases.parts import ReviewPart
from cv.site import Reporting

__all__ = [
    "REASONS_ZH",
    "RejectReason",
    "is_by_person",
    "is_same_word",
    "judged",
    "review_digest",
    "review_of",
]

_BY_POLICY = "auto"
"""The reason of a review that nobody made: a policy trusts the score."""


class RejectReason(StrEnum):
    """Why a case is none, as review desks in China sort rejects."""

    MISTAKEN = "mistaken"
    PERMITTED = "permitted"
    HANDLED = "handled"
    DUPLICATE = "duplicate"
    UNCLEAR = "unclear"
    MISPLACED = "misplaced"


REASONS_ZH: dict[RejectReason, str] = {
    RejectReason.MISTAKEN: "误检",
    RejectReason.PERMITTED: "合规(许可/便民点)",
    RejectReason.HANDLED: "已处置",
    RejectReason.DUPLICATE: "重复",
    RejectReason.UNCLEAR: "图像不清",
    RejectReason.MISPLACED: "位置不符",
}


def review_of(
    rejected: RejectReason | None, by: str | None, at: datetime, code5: str | None = None
) -> ReviewPart:
    """A person's word on a case; without a reason for rejecting it, it is confirmed.

    Args:
        code5: what it is filed under; None leaves that as it is.
    """
    state = "rejected" if rejected else "confirmed"
    word = {"state": state, "by": by, "at": at, "reason": rejected, "code5": code5}
    return ReviewPart.model_validate(word)


def judged(case: Case, reporting: Reporting) -> Case:
    """The case as the site's policies leave it: confirmed where one trusts its score."""
    least = reporting.confirmed_from(case.matter.matter)
    if least is None or case.detections[0].conf < least:
        return case
    review = ReviewPart(state="confirmed", at=case.time.reported, reason=_BY_POLICY)
    return case.model_copy(update={"review": review})


def is_by_person(review: ReviewPart) -> bool:
    """Whether somebody looked at the case: only then is there something to learn from it."""
    return review.state != "proposed" and review.reason != _BY_POLICY


def is_same_word(review: ReviewPart, other: ReviewPart) -> bool:
    """Whether one person says the same twice; when does not matter."""
    return all(getattr(review, x) == getattr(other, x) for x in ("state", "reason", "by", "code5"))


def review_digest(review: ReviewPart) -> str:
    """Short, and another for every other review of a case."""
    return hashlib.sha256(review.model_dump_json().encode()).hexdigest()[:16]
