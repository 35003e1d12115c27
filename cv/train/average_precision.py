"""Average precision as COCO defines it, for one label.

Detections are matched to true boxes by falling score; each takes the free true box that it
overlaps most, if by at least the IoU threshold. Precision is made monotone and averaged at recalls
0, 0.01, ..., 1 (T.-Y. Lin et al., "Microsoft COCO", and pycocotools' `cocoeval.py`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["IOUS", "average_precision", "iou_matrix", "match"]

IOUS: npt.NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
"""0.50, 0.55, ..., 0.95."""

_ROUNDING = 1e-10
"""pycocotools' own tolerance, so that an IoU of exactly 0.5 counts."""
_RECALLS = np.linspace(0, 1, 101)

Boxes = npt.NDArray[np.floating]


def iou_matrix(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union [A, B] of xyxy boxes [A, 4] and [B, 4]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    area_a = (a[:, 2:] - a[:, :2]).prod(axis=1)
    area_b = (b[:, 2:] - b[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b[None] - shared
    result: npt.NDArray[np.float64] = np.divide(
        shared, union, out=np.zeros(shared.shape), where=union > 0
    )
    return result


def match(overlaps: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Which true box each detection of one image finds, at each of `IOUS`.

    Args:
        overlaps: IoU [N, M] of detections, best score first, with true boxes; negative where they
            must not be matched.

    Returns:
        int [N, 10], the number of the true box, or -1.
    """
    partners = np.full((len(overlaps), len(IOUS)), -1, dtype=np.int64)
    if not overlaps.size:
        return partners
    near = np.flatnonzero(overlaps.max(axis=1) >= IOUS[0] - _ROUNDING)
    for column, threshold in enumerate(IOUS):
        free = np.ones(overlaps.shape[1], dtype=np.bool_)
        for row in near:
            candidates = np.where(free, overlaps[row], -1.0)
            best = int(candidates.argmax())
            if candidates[best] >= threshold - _ROUNDING:
                free[best] = False
                partners[row, column] = best
    return partners


def average_precision(
    scores: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], true_boxes: int
) -> float:
    """Area under the precision-recall curve, 101 points.

    Args:
        scores: [N] of all detections of a label, in any order.
        right: [N] whether each is matched.
        true_boxes: how many there were to find; 0 gives nan.
    """
    if true_boxes == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = right[order].cumsum()
    recall = hits / true_boxes
    precision = hits / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    padded = np.append(best_from_here, 0.0)
    return float(padded[np.minimum(at, len(best_from_here))].mean())
