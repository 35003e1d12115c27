"""What a person says of a case: confirmed, or rejected with a reason."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from cv.cases.parts import ReviewPart

__all__ = ["REASONS_ZH", "RejectReason", "review_of"]


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


def review_of(rejected: RejectReason | None, by: str | None, at: datetime) -> ReviewPart:
    """A person's word on a case; without a reason for rejecting it, it is confirmed."""
    state = "rejected" if rejected else "confirmed"
    return ReviewPart.model_validate({"state": state, "by": by, "at": at, "reason": rejected})
