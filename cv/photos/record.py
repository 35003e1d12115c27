"""What is kept of a citizen's photo: the document that the service answers from."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cv.cases.parts import MaskCounts, ModelInfo
from cv.labels import Matter
from cv.photos.quality import Quality
from cv.site import Privacy
from cv.suggest import Suggestion

__all__ = [
    "Disagreement",
    "Duplicate",
    "ExifPart",
    "MaskedEvidence",
    "PhotoDetection",
    "PhotoImage",
    "PhotoLocation",
    "PhotoRecord",
    "PhotoSuggestion",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class PhotoDetection(_Part):
    """One object; `bbox` is x1, y1, x2, y2 in pixels of the upright picture."""

    label: str
    name_zh: str
    score: float
    bbox: tuple[float, float, float, float]
    bbox_format: Literal["xyxy_px"] = "xyxy_px"


class MaskedEvidence(_Part):
    """The masked, reduced JPEG of one picture.

    Attributes:
        file: relative to the data folder; None if there is none.
        withheld: why there is none: masking failed, or the disk refused it.
        heads_masked, plates_masked: what the site wanted masked when it was made; None in older
            records, which do not say.
    """

    file: str | None
    sha256: str | None
    width: int | None
    height: int | None
    mask_counts: MaskCounts | None
    withheld: Literal["masking failed", "not stored"] | None = None
    heads_masked: bool | None = None
    plates_masked: bool | None = None

    def is_masked(self, privacy: Privacy) -> bool:
        """Whether all is masked in it that a site wants masked.

        Older records do not say what was looked for; what was found and counted certainly was.
        """
        counts = self.mask_counts or MaskCounts()
        heads, plates = self.heads_masked, self.plates_masked
        return privacy.is_met(
            heads=counts.heads > 0 if heads is None else heads,
            plates=counts.plates > 0 if plates is None else plates,
        )


class PhotoImage(_Part):
    """One picture of a report, upright.

    Attributes:
        phash: 64 bits, hexadecimal (`likeness.difference_hash`).
    """

    width: int
    height: int
    mime: str
    sha256: str
    phash: str
    detections: tuple[PhotoDetection, ...]
    quality: Quality
    evidence: MaskedEvidence


class PhotoSuggestion(Suggestion):
    """A suggestion; `image` is the index of the picture that shows it best."""

    image: int = 0


class PhotoLocation(_Part):
    """A point in CGCS2000 (≈ WGS84); `given` is as it came, if it was converted."""

    lon: float = Field(examples=[112.2551])
    lat: float = Field(examples=[30.3126])
    coord_sys: Literal["CGCS2000", "WGS84"]
    origin: Literal["form", "exif"]
    given: dict[str, float | str] | None = None


class ExifPart(_Part):
    """What a file itself says, on the site's clock where it has no offset."""

    taken_at: AwareDatetime | None
    lon: float | None
    lat: float | None


class Disagreement(_Part):
    """Form and EXIF contradict each other; the form counts."""

    field: Literal["location", "captured_at"]
    image: int
    metres: float | None = None
    seconds: float | None = None
    message_en: str
    message_zh: str


class Duplicate(_Part):
    """Something known already that this photo may be about.

    Attributes:
        id: of the earlier photo, or of the case.
        bits: of 64 in which the most alike pictures differ; None if none are alike.
        metres: between the places, if both are known.
        seconds: between the moments; 0 within a case's stretch of time.
        matters: that both may be about.
    """

    kind: Literal["photo", "case"]
    id: str
    bits: int | None = None
    metres: float | None = None
    seconds: float | None = None
    matters: tuple[str, ...] = ()


class PhotoRecord(_Part):
    """A report of one to five pictures, as it was answered.

    Attributes:
        received_at: wall time; stands in for `captured_at` where that is unknown.
        report: the citizen asks for a case.
    """

    id: str
    received_at: AwareDatetime
    images: tuple[PhotoImage, ...] = Field(min_length=1)
    model: ModelInfo
    suggestions: tuple[PhotoSuggestion, ...]
    location: PhotoLocation | None
    captured_at: AwareDatetime | None
    address: str | None = None
    description: str | None = None
    category: Matter | None = None
    reporter: str | None = None
    exif: ExifPart
    disagreements: tuple[Disagreement, ...] = ()
    duplicate_of: tuple[Duplicate, ...] = ()
    report: bool = False
    elapsed_ms: float

    @property
    def matters(self) -> frozenset[str]:
        """What it may be about: chosen by the citizen, or suggested.

        Cars are in most photos of a street: what no photo can tell counts only if it comes first.
        """
        chosen = {str(self.category)} if self.category else set()
        sure = {str(s.matter) for i, s in enumerate(self.suggestions) if i == 0 or not s.note_en}
        return frozenset(sure | chosen)
