"""Reviewed cases become training photos."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cv.cases.case import Case
from cv.cases.recoding import recoding
from cv.cases.review import RejectReason, judged, review_of
from cv.cases.store import CaseStore
from cv.data.commands import app
from cv.data.feedback import Feedback, write_feedback
from cv.data.reading import read_sources
from cv.data.samples import read_image
from cv.errors import UserError
from cv.evidence.log import EvidenceLog
from cv.evidence.originals import open_originals
from cv.evidence.sealing import KEY_VARIABLE, new_key
from cv.labels import Matter
from cv.site import Policy, Reporting, Site
from tests.cases.filings import case_of, incident, picture, site_in

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path / "data")


def frame(site: Site, time: datetime, size: tuple[int, int] = (1920, 1080)) -> Path:
    """A clean frame as a watch keeps it, all grey."""
    name = f"{time.astimezone(UTC):%Y%m%dT%H%M%S.000Z}.jpg"
    file = site.reporting.data / "originals" / "gate" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((size[1], size[0], 3), 90, np.uint8))
    return file


def reviewed(site: Site, number: int, reason: RejectReason | None = None) -> Case:
    case = case_of(site, number)
    return case.model_copy(update={"review": review_of(reason, "li", NOW)})


def written(cases: Sequence[Case], site: Site, folder: Path) -> Feedback:
    originals = open_originals(site.reporting.data)
    return write_feedback(cases, originals, folder / "city", seen=lambda _: None)


def confirmed_at(number: int) -> datetime:
    return incident(number).confirmed_at


def test_a_confirmed_case_is_its_frame_with_its_box(site: Site, tmp_path: Path) -> None:
    original = frame(site, confirmed_at(1))
    made = written([reviewed(site, 1)], site, tmp_path)
    assert (made.examples, made.frames, made.negatives) == (1, 1, 0)
    (sample,) = read_sources(tmp_path)
    assert sample.image.read_bytes() == original.read_bytes()
    assert (sample.source, sample.group, sample.complete) == ("city", "/camera/gate", frozenset())
    (item,) = sample.boxes
    assert item.label == "car"
    expected = (100 / 1920, 100 / 1080, 180 / 1920, 160 / 1080)
    assert item.box == pytest.approx(expected, abs=1e-5)


def test_of_a_watched_sub_stream_the_main_stream_s_picture_teaches(
    site: Site, tmp_path: Path
) -> None:
    """It was taken some seconds before, at another size; the boxes are of the sub-stream."""

    def seen(number: int, reason: RejectReason | None = None) -> Case:
        taken = confirmed_at(number) - timedelta(seconds=7)
        frame(site, taken, (3840, 2160))
        scene = picture(site, number, taken=taken)
        return reviewed(site, number, reason).model_copy(update={"evidence": (scene,)})

    made = written([seen(1), seen(2, RejectReason.MISTAKEN)], site, tmp_path)
    assert (made.examples, made.negatives, made.gone) == (1, 1, 0)
    example, mistake = sorted(read_sources(tmp_path), key=lambda sample: len(sample.absent))
    (item,) = example.boxes
    expected = (100 / 1920, 100 / 1080, 180 / 1920, 160 / 1080)
    assert item.box == pytest.approx(expected, abs=1e-5)
    assert read_image(mistake.image).shape[:2] == pytest.approx((440, 480), abs=4)


def test_frames_that_are_encrypted_teach_alike(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = {n: frame(site, confirmed_at(n)) for n in (1, 2)}
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    sealing = open_originals(site.reporting.data)
    contents = {number: file.read_bytes() for number, file in originals.items()}
    for number, file in originals.items():
        file.unlink()
        sealing.keep(str(file.relative_to(site.reporting.data)), contents[number])
        assert not file.exists()
    cases = [reviewed(site, 1), reviewed(site, 2, RejectReason.MISTAKEN)]
    made = written(cases, site, tmp_path)
    assert (made.examples, made.negatives) == (1, 1)
    samples = read_sources(tmp_path)
    assert contents[1] in [sample.image.read_bytes() for sample in samples]


def test_a_mistake_is_a_cut_out_without_the_label(site: Site, tmp_path: Path) -> None:
    frame(site, confirmed_at(2))
    case = reviewed(site, 2, RejectReason.MISTAKEN)
    made = written([case], site, tmp_path)
    assert (made.examples, made.negatives) == (0, 1)
    (sample,) = read_sources(tmp_path)
    assert sample.absent == {"car"}
    assert sample.boxes == ()
    (rejected,) = sample.mistaken
    assert rejected.label == "car"
    assert rejected.box == pytest.approx((80 / 241, 80 / 221, 160 / 241, 140 / 221), abs=0.01)
    # 80 x 60 at (200, 100), with 80 on each side.
    assert read_image(sample.image).shape[:2] == pytest.approx((220, 240), abs=2)


def test_what_was_confirmed_beside_a_mistake_is_boxed_there(site: Site, tmp_path: Path) -> None:
    frame(site, confirmed_at(2))
    far = reviewed(site, 4)  # 400 to 480: outside what is cut out
    later = reviewed(site, 1)
    gone = later.time.model_copy(update={"last_seen": case_of(site, 2).time.first_seen})
    for beside, boxes in ((later, 1), (later.model_copy(update={"time": gone}), 1), (far, 0)):
        folder = tmp_path / f"{beside.id}-{beside.time.last_seen:%H%M}"
        made = written([beside, reviewed(site, 2, RejectReason.MISTAKEN)], site, folder)
        assert (made.examples, made.negatives) == (0, 1), "the confirmed one's own frame is gone"
        (sample,) = read_sources(folder)
        assert sample.absent == {"car"}
        assert len(sample.boxes) == boxes
        # 100 to 180 of 120 to 361.
        assert all(item.box[::2] == pytest.approx((0, 60 / 241)) for item in sample.boxes)


@pytest.mark.parametrize("reason", [None, RejectReason.PERMITTED])
def test_a_mistake_beside_what_nobody_judged_does_not_teach_that_it_is_none(
    reason: RejectReason | None, site: Site, tmp_path: Path
) -> None:
    """A stall with a licence is a stall, and one that nobody has reviewed may be one."""
    frame(site, confirmed_at(2))
    mistake = reviewed(site, 2, RejectReason.MISTAKEN)
    for number, unclear in ((1, 1), (4, 0)):  # 400 to 480: outside what is cut out
        other = case_of(site, number) if reason is None else reviewed(site, number, reason)
        example = reviewed(site, 2)
        made = written([other, mistake, example], site, tmp_path / str(number))
        assert (made.negatives, made.unclear) == (1 - unclear, unclear)
    twin = mistake.model_copy(update={"review": review_of(RejectReason.DUPLICATE, "li", NOW)})
    assert written([twin, mistake], site, tmp_path / "twice").negatives == 1


def test_who_had_left_before_a_mistake_is_not_beside_it(site: Site, tmp_path: Path) -> None:
    frame(site, confirmed_at(9))
    mistake = case_of(site, 9).model_copy(
        update={"review": review_of(RejectReason.MISTAKEN, "li", NOW)}
    )
    place = reviewed(site, 1)  # until minute 6
    same_box = place.model_copy(update={"detections": mistake.detections, "box": mistake.box})
    written([same_box, mistake], site, tmp_path)
    (sample,) = read_sources(tmp_path)
    assert sample.boxes == ()


def test_cases_of_one_frame_share_a_photo(site: Site, tmp_path: Path) -> None:
    frame(site, confirmed_at(0))
    one = reviewed(site, 1)
    same_time = one.time.model_copy(
        update={"last_seen": confirmed_at(0), "confirmed": confirmed_at(0)}
    )
    cases = [reviewed(site, 0), one.model_copy(update={"time": same_time})]
    made = written(cases, site, tmp_path)
    assert (made.examples, made.frames) == (2, 1)
    assert len(read_sources(tmp_path)[0].boxes) == 2


def test_what_says_nothing_about_the_model_is_left_out_and_counted(
    site: Site, tmp_path: Path
) -> None:
    frame(site, confirmed_at(1))
    frame(site, confirmed_at(5), size=(640, 480))  # another view: the box is not of it
    others = [reason for reason in RejectReason if reason is not RejectReason.MISTAKEN]
    cases = [
        reviewed(site, 1),
        case_of(site, 2),
        reviewed(site, 3),
        reviewed(site, 5),
        *(reviewed(site, 6, reason) for reason in others),
    ]
    made = written(cases, site, tmp_path)
    assert (made.examples, made.unreviewed, made.gone, made.other_reasons) == (1, 1, 2, 5)


def test_what_a_policy_confirmed_teaches_nothing(site: Site, tmp_path: Path) -> None:
    """Or the model would learn from itself."""
    frame(site, confirmed_at(1))
    trusting = Reporting(
        site.reporting.data, policies=(Policy((Matter.BLOCKED_LANE,), "auto", 0.5),)
    )
    case = judged(case_of(site, 1), trusting)
    assert case.review.state == "confirmed"
    with pytest.raises(UserError, match=r"no reviewed case has a clean frame \(1 unreviewed"):
        written([case], site, tmp_path)


def test_with_nothing_to_learn_no_folder_appears(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no reviewed case has a clean frame \(1 unreviewed"):
        written([case_of(site)], site, tmp_path)
    assert not (tmp_path / "city").exists()


@pytest.fixture
def filed(site: Site) -> Iterator[CaseStore]:
    site.reporting.data.mkdir()
    with CaseStore(site.reporting.data / "cases.sqlite") as store:
        store.commit_look(
            camera="gate",
            stream="live",
            filings=[case_of(site, 1), case_of(site, 2)],
            state=None,
            targets=[],
            now=NOW + timedelta(hours=1),
        )
        yield store


def test_from_review_to_training_photos(filed: CaseStore, site: Site, tmp_path: Path) -> None:
    frame(site, confirmed_at(1))
    filed.review(incident(1).id, review_of(None, "li", NOW))
    arguments = ["feedback", "--data", str(site.reporting.data), "--to", str(tmp_path / "city")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "1 examples in 1 photos, 0 hard negatives" in result.output
    assert "not reviewed yet: 1" in result.output
    assert "not masked" in result.output
    (line,) = EvidenceLog(filed.database).lines()
    entry = json.loads(line)
    assert (entry["action"], entry["outcome"]) == ("original", "served")
    assert entry["what"].startswith("originals/gate/")
    assert entry["reason"] == f"training photos in {tmp_path / 'city'}"
    rows = (tmp_path / "city" / "images.jsonl").read_text().splitlines()
    assert [json.loads(row)["complete"] for row in rows] == [[]]


@pytest.mark.parametrize(("code5", "examples"), [("09010", 1), ("06010", 0)])
def test_what_is_filed_under_a_code_of_another_matter_says_nothing_of_its_box(
    filed: CaseStore, site: Site, tmp_path: Path, code5: str, examples: int
) -> None:
    for number in (1, 2):
        frame(site, confirmed_at(number))
    one, other = filed.case(incident(1).id), filed.case(incident(2).id)
    filed.review(one.case.id, review_of(None, "li", NOW))
    moved = recoding(other.case, code5, site, other.filed_at)
    filed.review(other.case.id, review_of(None, "li", NOW, code5), recoding=moved)
    arguments = ["feedback", "--data", str(site.reporting.data), "--to", str(tmp_path / "city")]
    result = CliRunner().invoke(app, arguments)
    assert f"{1 + examples} examples" in result.output
    told = "left out, confirmed under a code of another matter: 1" in result.output
    assert told == (examples == 0)


def test_without_cases_it_says_so(tmp_path: Path) -> None:
    arguments = ["feedback", "--data", str(tmp_path), "--to", str(tmp_path / "city")]
    result = CliRunner().invoke(app, arguments)
    assert "no cases yet" in str(result.exception)
    assert not (tmp_path / "cases.sqlite").exists()
