"""The documents that the service answers with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from cv.detect.detector import Detection, Detector
from cv.detect.photo import Photo
from cv.labels import LABEL_NAMES_ZH, Matter, matters_of
from cv.photos.quality import Quality
from cv.photos.record import (
    Disagreement,
    Duplicate,
    ExifPart,
    PhotoLocation,
    PhotoSuggestion,
)
from serve.problems import Problem

__all__ = [
    "BatchAnswer",
    "DetectAnswer",
    "EvidenceAnswer",
    "LabelsAnswer",
    "Missing",
    "PhotoAnswer",
    "PhotoImageAnswer",
    "detect_answer",
    "labels_answer",
]


class ImageAnswer(BaseModel):
    """The picture as analysed, upright."""

    width: int = Field(examples=[4032])
    height: int = Field(examples=[3024])
    mime: str = Field(examples=["image/jpeg"])
    sha256: str = Field(
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    )


class ModelAnswer(BaseModel):
    name: str = Field(examples=["kerbwatch-n"])
    version: str = Field(examples=["0.1.0"])
    sha256: str


class DetectionAnswer(BaseModel):
    """One object; `bbox` is x1, y1, x2, y2 in pixels of the upright picture."""

    label: str = Field(examples=["street_stall"])
    name_zh: str = Field(examples=["摊位"])
    score: float = Field(examples=[0.87])
    bbox: tuple[float, float, float, float] = Field(examples=[(812.0, 640.5, 1530.2, 1377.0)])
    bbox_format: Literal["xyxy_px"] = "xyxy_px"


class DetectAnswer(BaseModel):
    image: ImageAnswer
    model: ModelAnswer
    detections: list[DetectionAnswer]
    elapsed_ms: float = Field(examples=[64.2])


class BatchAnswer(BaseModel):
    """`results` in the order of the pictures; a problem in place of one that was refused."""

    results: list[DetectAnswer | Problem]


class LabelAnswer(BaseModel):
    """What the model can see, and what a photo or a zone of a camera may make of it."""

    label: str = Field(examples=["street_stall"])
    name_en: str = Field(examples=["street stall"])
    name_zh: str = Field(examples=["摊位"])
    threshold: float = Field(examples=[0.35], description="Detections below it are left out.")
    matters: list[Matter] = Field(examples=[["roadside_vending"]])


class LabelsAnswer(BaseModel):
    model: ModelAnswer
    labels: list[LabelAnswer]


class Missing(BaseModel):
    """Something that a case needs and the photo came without."""

    field: Literal["category", "location", "captured_at", "address"]
    message_en: str = Field(examples=["Where was it? Send lon, lat and coord_sys."])
    message_zh: str = Field(examples=["缺少位置：请提供 lon、lat 和 coord_sys。"])


class EvidenceAnswer(BaseModel):
    """The masked, reduced JPEG of a picture.

    `url` is signed and works until `expires`. There is none, and `withheld` says why, if the
    picture could not be masked, was masked less than the site masks by now, was not stored, or the
    service has no KERBWATCH_SECRET.
    """

    url: str | None
    expires: datetime | None
    withheld: Literal["masking failed", "not masked", "not stored", "no secret"] | None
    message_en: str | None = None
    message_zh: str | None = None


class PhotoImageAnswer(ImageAnswer):
    """One picture of a report."""

    detections: list[DetectionAnswer]
    quality: Quality
    evidence: EvidenceAnswer


class PhotoCaseAnswer(BaseModel):
    """The case that a report opened, or joined: it may be a camera's."""

    id: str = Field(examples=["ph-5f1c2a7be0d94c83a6e2"])
    joined: bool = Field(description="It was there before: several saw the same thing.")
    state: Literal["new", "updated", "cleared"]
    review: Literal["proposed", "confirmed", "rejected"]
    reason: str | None = Field(description="Why it was rejected.", examples=["duplicate"])
    number: str | None = Field(description="The city system's number.", examples=["2026031400017"])
    closed: bool = Field(description="The city is done with it.")


class PhotoAnswer(DetectAnswer):
    """`image` and `detections` are those of the first picture; `images` has all."""

    id: str | None = Field(description="For GET /v1/photos/{id}; null: the photo was not kept.")
    received_at: datetime
    images: list[PhotoImageAnswer]
    suggestions: list[PhotoSuggestion]
    location: PhotoLocation | None
    captured_at: datetime | None
    category: str | None
    exif: ExifPart
    disagreements: list[Disagreement]
    duplicate_of: list[Duplicate]
    missing: list[Missing]
    report: bool = Field(description="The citizen wants a case.")
    case: PhotoCaseAnswer | None = Field(
        description="Null: none was asked for, or `missing` says what it needs."
    )
    filed: bool = Field(description="The city's case system has it.")
    note_en: str
    note_zh: str


def detect_answer(
    photo: Photo, detections: Sequence[Detection], detector: Detector, elapsed_s: float
) -> DetectAnswer:
    return DetectAnswer(
        image=ImageAnswer(
            width=photo.width,
            height=photo.height,
            mime=photo.mime,
            sha256=photo.sha256,
        ),
        model=model_answer(detector),
        detections=[_detection(detection) for detection in detections],
        elapsed_ms=round(elapsed_s * 1000, 1),
    )


def labels_answer(detector: Detector) -> LabelsAnswer:
    return LabelsAnswer(
        model=model_answer(detector),
        labels=[
            LabelAnswer(
                label=label,
                name_en=label.replace("_", " "),
                name_zh=LABEL_NAMES_ZH[label],
                threshold=round(threshold, 4),
                matters=list(matters_of(label)),
            )
            for label, threshold in detector.thresholds.items()
        ],
    )


def model_answer(detector: Detector) -> ModelAnswer:
    info = detector.info
    return ModelAnswer(name=info.name, version=info.version, sha256=info.sha256)


def _detection(detection: Detection) -> DetectionAnswer:
    x1, y1, x2, y2 = (round(edge, 1) for edge in detection.box)
    return DetectionAnswer(
        label=detection.label,
        name_zh=LABEL_NAMES_ZH[detection.label],
        score=round(detection.score, 4),
        bbox=(x1, y1, x2, y2),
    )
