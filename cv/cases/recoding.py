"""Filing a case under another code: a person knows what no picture shows, a licence or an owner."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from cv.cases.case import Case, matter_part
from cv.cases.parts import CodeChoice, DeptPart, LimitPart, MatterPart
from cv.cases.routing import dept_of, limit_of
from cv.codes import edition
from cv.errors import UserError
from cv.labels import Matter
from cv.site import Site

__all__ = ["Recoding", "matter_of", "recoding", "with_review"]


@dataclass(frozen=True, slots=True)
class Recoding:
    """What a case has of its code."""

    matter: MatterPart
    dept: DeptPart | None
    limit: LimitPart | None

    def applied(self, case: Case) -> Case:
        """The case with these instead of its own."""
        return case.model_copy(update={key: getattr(self, key) for key in _OF_THE_CODE})


_OF_THE_CODE = tuple(field.name for field in fields(Recoding))


def recoding(case: Case, code5: str, site: Site, filed_at: datetime) -> Recoding:
    """What a case has if it is filed under another code of its edition.

    `matter.matter` stays what kerbwatch takes it for, so that cases, zones and reports about the
    same thing still find each other. The code before is the first of the alternatives.

    Args:
        filed_at: when the limit began, aware.

    Raises:
        UserError: no case is filed under such a code.
    """
    before = case.matter
    known = edition(before.standard_ref).filed()
    if code5 not in known:
        raise UserError(
            f"{code5[:20]!r}: cases are not filed under it by {before.standard_ref}; "
            f"choose one of {', '.join(known)}"
        )
    if code5 == before.code5:
        return Recoding(before, case.dept, case.limit)
    was = CodeChoice(code5=before.code5, name_zh=before.name_zh, name_en=before.name_en)
    others = (other for other in before.alternatives if other.code5 != code5)
    chosen = matter_part(before.matter, known[code5][1], case.place.division6)
    return Recoding(
        chosen.model_copy(update={"alternatives": (was, *others)}),
        dept_of(site, code5, case.place),
        limit_of(site, code5, filed_at),
    )


def with_review(case: Case, reviewed: Case) -> Case:
    """A change of a case with the word on it, and with the code that somebody chose."""
    kept = ("review", *_OF_THE_CODE) if reviewed.review.code5 else ("review",)
    return case.model_copy(update={key: getattr(reviewed, key) for key in kept})


def matter_of(case: Case) -> Matter | None:
    """The matter that a case's code is of; None if it is of none."""
    found = edition(case.matter.standard_ref).filed().get(case.matter.code5)
    return found and found[0]
