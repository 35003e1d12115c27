"""The documents about cases: what the desk asks with, and what it is answered."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from cv.cases.case import Case
from cv.cases.filter import CaseFilter, Position
from cv.cases.review import RejectReason
from cv.labels import Matter
from cv.plausible_time import EARLIEST, clamped
from serve.parameter_types import Moment

__all__ = ["CaseAnswer", "CaseQuery", "CasesAnswer", "Confirmed", "Rejected", "cursor_of"]

_End = Annotated[Moment, AfterValidator(clamped)]
_LON = r"-?(180(\.0{1,9})?|(1[0-7][0-9]|[0-9]{1,2})(\.[0-9]{1,9})?)"
_LAT = r"-?(90(\.0{1,9})?|[0-8]?[0-9](\.[0-9]{1,9})?)"
_METRES = "[1-9][0-9]{0,4}"


class CaseQuery(BaseModel):
    """Which cases, how many, and from where on."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["open", "new", "updated", "cleared", "closed"] | None = Field(
        None, description="open is neither cleared nor closed."
    )
    matter: Matter | None = Field(None, examples=["blocked_lane"])
    camera: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]{1,100}$", examples=["gate"])
    since: _End | None = Field(
        None, description="Seen at or after; + is written %2B.", examples=["2026-03-14T15:30:00Z"]
    )
    until: _End | None = Field(
        None, description="Seen at or before.", examples=["2026-03-15T15:30:00Z"]
    )
    near: str | None = Field(
        None,
        pattern=f"^{_LON},{_LAT},{_METRES}$",
        description="lon,lat,metres in degrees of CGCS2000 or WGS-84; 100 km at most.",
        examples=["112.2551,30.3126,200"],
    )
    review: Literal["proposed", "confirmed", "rejected"] | None = Field(
        None, description="proposed waits for a person's word."
    )
    held: bool = Field(False, description="Something of it waits for a review.")
    dead: bool = Field(False, description="A receiver refused something of it for days.")
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(
        None,
        pattern=r"^-?[0-9]{1,16}_[a-z0-9][a-z0-9-]{0,62}$",
        description="Taken from `next`; says nothing to you.",
    )

    @property
    def wanted(self) -> CaseFilter:
        return CaseFilter(
            state=self.state,
            camera=self.camera,
            matter=self.matter,
            since=self.since,
            until=self.until,
            near=self._near(),
            review=self.review,
            held=self.held,
            dead=self.dead,
        )

    def _near(self) -> tuple[float, float, float] | None:
        if self.near is None:
            return None
        lon, lat, metres = map(float, self.near.split(","))
        return lon, lat, metres

    @property
    def after(self) -> Position | None:
        if self.cursor is None:
            return None
        micros, _, case_id = self.cursor.partition("_")
        return Position(EARLIEST + timedelta(microseconds=int(micros)), case_id)


def cursor_of(case: Case) -> str:
    """Where the list goes on after this case."""
    return f"{(case.time.first_seen - EARLIEST) // timedelta(microseconds=1)}_{case.id}"


class DeliveryAnswer(BaseModel):
    """How one message to one receiver stands."""

    key: str = Field(description="The message's id at the receiver, for ever.")
    target: str
    event: Literal["new", "updated", "cleared"]
    state: Literal["pending", "delivered", "dead", "superseded", "held", "withdrawn"]
    attempts: int
    next_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    last_error: str | None
    number: str | None = Field(description="What the receiver calls the case.")


class PostedAnswer(BaseModel):
    """A citizen's request that came by Open311; not for others than the desk."""

    id: str
    received_at: AwareDatetime
    media_url: str | None = Field(description="As it came: nobody has looked at what is there.")
    contact: dict[str, str] = Field(description="What the citizen said of themselves.")


_CASE = json.loads(files("serve").joinpath("case_example.json").read_text(encoding="utf-8"))


class CaseAnswer(Case):
    """A case with its receiver's number and its deliveries.

    `evidence[].url` are signed links to masked pictures that work until `expires`.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_CASE]})

    number: str | None
    filed_at: AwareDatetime
    deliveries: tuple[DeliveryAnswer, ...]
    requests: tuple[PostedAnswer, ...]


class CasesAnswer(BaseModel):
    """The latest first."""

    cases: list[CaseAnswer]
    next: str | None = Field(
        description="The address of the cases that follow; null at the end.",
        examples=["/v1/cases?state=open&cursor=1773473400000000_kw-2bb4aded7b26ce10c7a2"],
    )


class Confirmed(BaseModel):
    """It is what the case says, or that by another code."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"state": "confirmed"}]}
    )

    state: Literal["confirmed"]
    reason: None = None
    code5: str | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="What to file it under: one of `matter.alternatives`, or any other code that "
        "cases are filed under. Without it the code stays as it is.",
    )


class Rejected(BaseModel):
    """It is none: 误检, 合规, 已处置, 重复, 图像不清, 位置不符."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "rejected", "reason": "mistaken"}]},
    )

    state: Literal["rejected"]
    reason: RejectReason
    code5: None = None
