"""Pictures out of the decoder's planes equal those out of full-size pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cv.detect.detector import Detector
from cv.detect.frames import open_recording
from cv.detect.letterbox import SQUARE, WIDE, letterbox
from cv.detect.picture import Pixels
from cv.detect.sources import Source, SourceKind
from cv.geometry import iou
from tests.detect.clips import make_clip, set_display_matrix
from tests.detect.recordings import look

SIZES = [(1280, 720), (1920, 1080), (640, 480), (320, 240), (576, 996)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [SQUARE, WIDE])
def test_the_network_input_is_that_of_the_whole_picture(tmp_path: Path, size, shape):
    ramp = np.add.outer(np.arange(size[1]), np.arange(size[0])) % 256
    smooth = np.stack([ramp, 255 - ramp, ramp // 2], -1).astype(np.uint8)
    smooth = np.asarray(np.abs(smooth.astype(int) * 2 - 255) // 2 + 60, np.uint8)
    (frame,) = look(make_clip(tmp_path / "clip.mp4", images=[smooth], size=size))
    fitted, expected = frame.picture.fitted(shape), letterbox(frame.image, shape)
    assert fitted.place == expected.place
    assert frame.picture.size == size
    apart = np.abs(fitted.image.astype(int) - expected.image)
    assert apart.mean() < 2
    assert np.percentile(apart, 99) < 20


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1)])
def test_turned_pictures_are_turned_in_every_size(tmp_path: Path, matrix):
    corner = np.full((240, 320, 3), 60, np.uint8)
    corner[:60, :80] = (40, 40, 220)
    clip = make_clip(tmp_path / "clip.mp4", images=[corner] * 3)
    frame = look(set_display_matrix(clip, *matrix))[0]
    assert frame.picture.size == (frame.image.shape[1], frame.image.shape[0])
    fitted, expected = frame.picture.fitted(SQUARE), letterbox(frame.image, SQUARE)
    assert np.abs(fitted.image.astype(int) - expected.image).mean() < 3


@pytest.mark.media
def test_the_detector_sees_the_same_in_both(media: Path):
    detector = Detector(backend="onnxruntime")
    (clip,) = (media / "video").glob("china_street_parking_*.mp4")
    with open_recording(Source(SourceKind.RECORDING, clip), every_s=6.0) as recording:
        frames = list(recording)
    wanted = again = 0
    for frame in frames:
        others = detector.detect_in(frame.picture, min_score=0.3)
        for d in detector.detect_in(Pixels(frame.image), min_score=0.5):
            wanted += 1
            again += any(iou(d.box, o.box) > 0.85 and o.label == d.label for o in others)
    assert wanted >= 20
    assert again >= 0.95 * wanted
