"""One picture of a report, looked at: detections, quality, hash, and its masked JPEG."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cv.cases.parts import MaskCounts
from cv.detect.detector import Detection, Detector
from cv.detect.masking import MASK_SCORE, mask_found
from cv.detect.photo import Photo
from cv.errors import KerbwatchError
from cv.geometry import Image
from cv.labels import LABEL_NAMES_ZH
from cv.likeness import difference_hash
from cv.photos.quality import measure_quality, reduced_grey
from cv.photos.record import MaskedEvidence, PhotoDetection, PhotoImage
from cv.site import Privacy

__all__ = ["LookedAt", "look_at", "lowest_score"]

_EVIDENCE_SIDE = 1600
"""Of the masked JPEG's longer side: enough for a desk, and a seventh of a 12 MP photo's pixels."""
_QUALITY = 85
_NO_PIXELS: Image = np.zeros((1, 1, 3), np.uint8)
"""Stands for a picture's pixels once nobody needs them: five of 12 MP would fill memory."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What was found out about one picture, before anything of it is stored.

    Attributes:
        data: the bytes as they came.
        photo: without its pixels.
        detections: at the model's own thresholds, in pixels of the whole photo.
        image: what the report's record will say of it.
        masked: the masked JPEG; None where masking failed.
    """

    data: bytes
    photo: Photo
    detections: list[Detection]
    image: PhotoImage
    masked: bytes | None


def lowest_score(detector: Detector) -> float:
    """The `min_score` of a look that serves `look_at`: it masks by weak boxes, too."""
    return min((MASK_SCORE, *detector.thresholds.values()))


def look_at(
    data: bytes, photo: Photo, found: Sequence[Detection], detector: Detector, privacy: Privacy
) -> LookedAt:
    """Measure and mask one picture; the network has run already.

    Args:
        data: the bytes as they came.
        photo: decoded from them, possibly at a part of its size.
        found: down to `lowest_score`, in pixels of the whole photo.
    """
    detections = detector.above_thresholds(found)
    grey = reduced_grey(photo.image)
    masked, evidence = _masked(photo, [d for d in found if d.score >= MASK_SCORE], privacy)
    image = PhotoImage(
        width=photo.width,
        height=photo.height,
        mime=photo.mime,
        sha256=photo.sha256,
        phash=f"{difference_hash(grey):016x}",
        detections=tuple(_detection(d) for d in detections),
        quality=measure_quality(photo, grey, detections),
        evidence=evidence,
    )
    return LookedAt(data, replace(photo, image=_NO_PIXELS), detections, image, masked)


def _masked(
    photo: Photo, found: list[Detection], privacy: Privacy
) -> tuple[bytes | None, MaskedEvidence]:
    """The masked JPEG. Whatever goes wrong, no unmasked picture comes out of here."""
    try:
        small = _reduced(photo)
        sizes = (photo.width, photo.height), (small.shape[1], small.shape[0])
        scaled = [d._replace(box=d.box.resized(*sizes)) for d in found]
        counts = mask_found(small, scaled, heads=privacy.heads, plates=privacy.plates)
        done, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    except (KerbwatchError, RuntimeError, ValueError, cv2.error) as error:
        logger.warning("%s: masking failed, the picture is withheld: %s", photo.sha256[:12], error)
        done = False
    if not done:
        return None, MaskedEvidence(
            file=None, sha256=None, width=None, height=None, mask_counts=None,
            withheld="masking failed",
        )  # fmt: skip
    jpeg = content.tobytes()
    return jpeg, MaskedEvidence(
        file=None,
        sha256=hashlib.sha256(jpeg).hexdigest(),
        width=small.shape[1],
        height=small.shape[0],
        mask_counts=MaskCounts(heads=counts.heads, plates=counts.plates),
        withheld="not stored",
        heads_masked=privacy.heads,
        plates_masked=privacy.plates,
    )


def _reduced(photo: Photo) -> Image:
    share = min(1.0, _EVIDENCE_SIDE / max(photo.image.shape[:2]))
    if share == 1:
        return photo.image.copy()
    size = (
        max(1, round(photo.image.shape[1] * share)),
        max(1, round(photo.image.shape[0] * share)),
    )
    # Down to half the size it shows what the mean of an area does, for a fifth of the work.
    how = cv2.INTER_AREA if share < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(photo.image, size, interpolation=how), np.uint8)


def _detection(detection: Detection) -> PhotoDetection:
    x1, y1, x2, y2 = (round(edge, 1) for edge in detection.box)
    return PhotoDetection(
        label=detection.label,
        name_zh=LABEL_NAMES_ZH[detection.label],
        score=round(detection.score, 4),
        bbox=(x1, y1, x2, y2),
    )
