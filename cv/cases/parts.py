"""The parts of a case document, one class a block (docs/how-to-receive-cases.md).

Every time carries an offset; unknown keys are mistakes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cv.site.limits import LimitKind

__all__ = [
    "ClosurePart",
    "CodeChoice",
    "DedupPart",
    "DeptPart",
    "DetectionPart",
    "EvidenceItem",
    "GivenPointPart",
    "LimitPart",
    "MaskCounts",
    "MatterPart",
    "ModelInfo",
    "Part",
    "PlacePart",
    "PrivacyPart",
    "ReportPart",
    "ReviewPart",
    "RoiPart",
    "RulePart",
    "SourcePart",
    "TimePart",
]


class Part(BaseModel):
    """A part of the document."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CodeChoice(Part):
    """Another code that a person may choose."""

    code5: str
    name_zh: str
    name_en: str


class MatterPart(Part):
    """What it is, in the terms of one edition of the national code table.

    `code11` is the division's six digits and the code; None where either is missing.
    """

    standard_ref: str
    kind: Literal["管理事项"] = "管理事项"
    matter: str
    code5: str
    code11: str | None
    name_zh: str
    name_en: str
    legacy_2013: str | None
    is_local_extension: bool
    alternatives: tuple[CodeChoice, ...]


class SourcePart(Part):
    """Who saw it first, and through which channel.

    `channel_id` is the camera's id in the site file; while only citizens saw it, `_photos` or
    `_open311`: no camera's id begins so.
    """

    kind: Literal["视频发现", "群众上报", "车载视频", "无人机巡查", "热线转办"] = "视频发现"
    site: str
    channel_id: str
    camera_gb_id: str | None
    camera_name: str
    preset: str | None = None


class GivenPointPart(Part):
    """A point as the site file has it, before its conversion."""

    lon: float
    lat: float
    coord_sys: str


class PlacePart(Part):
    """Where it is, degrees in `coord_sys`; `method` says whose place it is: the camera's, or the
    one that a citizen gave.

    `outside_m`: metres from there to the area that its codes were looked up in, 0 inside; null
    where they were not.

    `city`, `county`, `street` and `community` are the names of the four levels, as far as the
    site's map has them; the first digits of the codes are theirs.
    """

    division6: str | None
    street9: str | None
    community12: str | None
    grid15: str | None
    address: str | None = Field(max_length=256)
    lon: float | None
    lat: float | None
    coord_sys: str | None
    accuracy_m: float | None = None
    method: Literal["camera", "report"] = "camera"
    given: GivenPointPart | None = None
    outside_m: float | None = None
    city: str | None = None
    county: str | None = None
    street: str | None = None
    community: str | None = None


class TimePart(Part):
    """Times with the site's offset; `captured` is when this change's picture was taken."""

    first_seen: AwareDatetime
    confirmed: AwareDatetime
    last_seen: AwareDatetime
    cleared: AwareDatetime | None
    captured: AwareDatetime
    reported: AwareDatetime


class MaskCounts(Part):
    """How many regions were pixelated."""

    heads: int = 0
    plates: int = 0


class EvidenceItem(Part):
    """One picture.

    `file` is relative to the data folder; in the spool it is the picture's name beside the JSON,
    and over HTTP it is null and `url` is a signed link until `expires`. `withheld` says why a
    picture was not sent: it could not be masked, its file is gone, it was deleted because its time
    was up, or the disk had no room for it. A citizen's picture has the role `report`. `taken`: when
    the camera took the frame, or the citizen the photo, where known.
    """

    id: str
    role: Literal["scene", "crop", "before", "after", "report"]
    taken: AwareDatetime | None = None
    file: str | None
    url: str | None = None
    expires: AwareDatetime | None = None
    sha256: str
    mime: str
    w: int
    h: int
    masked: bool
    mask_counts: MaskCounts
    withheld: Literal["not masked", "missing", "deleted", "not stored", "no link"] | None = None


class RoiPart(Part):
    """The zone."""

    id: str
    name: str
    type: str


class DetectionPart(Part):
    """What the model saw; `bbox` is x, y, width, height in pixels of an image of `image_wh`.

    `roi` is null in a citizen's picture, which is one look.
    """

    label: str
    conf: float
    bbox: tuple[float, float, float, float]
    bbox_format: Literal["xywh_px"] = "xywh_px"
    image_wh: tuple[int, int]
    track_id: str | None = None
    dwell_s: float
    looks: int
    hits: int
    roi: RoiPart | None


class RulePart(Part):
    """The rule that fired: why this case was created. `version` is kerbwatch's.

    `threshold`: the score from which the model's detections of the label count; null in cases that
    an older kerbwatch filed.
    """

    id: str
    version: str
    dwell_s: float
    threshold: float | None = None
    overlap: float
    presence: float
    clear_s: float
    active: str


class ModelInfo(Part):
    """The model that saw it."""

    name: str
    version: str
    sha256: str


class ReportPart(Part):
    """What a citizen said: `id` is the photo report's or the request's; nothing says who it was.

    `captured`: when the picture was taken, else when the report came.
    """

    id: str
    captured: AwareDatetime
    address: str | None = Field(None, max_length=256)
    description: str | None = Field(None, max_length=4000)


class ReviewPart(Part):
    """kerbwatch proposes; a person confirms or rejects, with a reason.

    `code5`: the code that a person chose for the case instead of kerbwatch's.
    """

    state: Literal["proposed", "confirmed", "rejected"] = "proposed"
    by: str | None = None
    at: AwareDatetime | None = None
    reason: str | None = None
    code5: str | None = None


class ClosurePart(Part):
    """Somebody is done with the case: `by` is the target whose desk says so, or a person here.

    `at`: when they say that it was, else when it was noticed.
    """

    at: AwareDatetime
    by: str | None = None
    note: str | None = Field(None, max_length=1000)


class DedupPart(Part):
    """All messages of one key are about one thing; two things at one place have two keys.

    `window_s`: reports that come within it of one another, at one place, join one case.
    `merged_ids`: of reports, and of a camera's incident, that would be cases of their own.
    """

    key: str
    window_s: int
    merged_ids: tuple[str, ...] = ()


class PrivacyPart(Part):
    """What is masked in every picture that is not withheld, and how long originals stay."""

    faces_masked: bool
    plates_masked: bool
    originals_kept_until: AwareDatetime


class DeptPart(Part):
    """主管部门: the unit responsible, where it is known."""

    code18: str
    name: str


class LimitPart(Part):
    """处置时限 from the city's table, as a hint: the receiver's own clock counts.

    `due` is when it is over, counted from the filing; `condition` is the 立案条件 that it is for,
    where the table has no limit without one.
    """

    type: LimitKind
    value: float
    text: str
    due: AwareDatetime | None = None
    condition: str | None = None
