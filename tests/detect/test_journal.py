"""The file of results: appended to, and read again after any end."""

from __future__ import annotations

import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cv.detect.detector import ModelInfo
from cv.detect.journal import Journal, file_mark
from cv.errors import KerbwatchError, SourceError

MODEL = ModelInfo(Path("m.onnx"), "m", "1", "ab" * 32, ("car",), {"car": 0.5})
ONE = {"photo": "a.jpg", "bytes": 3, "modified": "2026-03-14T07:30:00.000000+00:00"}
TWO = {**ONE, "photo": "b.jpg"}
THREE = {**ONE, "photo": "c.jpg"}


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_what_was_written_is_held_by_the_next_run(tmp_path: Path) -> None:
    file = tmp_path / "new folder/out.jsonl"
    with Journal(file, MODEL) as journal:
        assert not journal.holds(ONE)
        journal.add({**ONE, "detections": []})
    with Journal(file, MODEL) as journal:
        assert journal.holds(ONE)
        assert not journal.holds(TWO)
    head, line = lines(file)
    assert head["kerbwatch_results"] == 1
    assert head["thresholds"] == {"car": 0.5}
    assert line == {**ONE, "detections": []}


@pytest.mark.parametrize(
    "other", [{**ONE, "bytes": 4}, {**ONE, "modified": "2026-03-14T07:30:01.000000+00:00"}]
)
def test_a_changed_file_is_not_held_and_the_last_line_counts(
    tmp_path: Path, other: dict[str, object]
) -> None:
    with Journal(tmp_path / "out.jsonl", MODEL) as journal:
        journal.add(ONE)
    with Journal(tmp_path / "out.jsonl", MODEL) as journal:
        assert not journal.holds(other)
        journal.add(other)
    with Journal(tmp_path / "out.jsonl", MODEL) as journal:
        assert journal.holds(other)
        assert not journal.holds(ONE)


def test_another_model_begins_anew_in_the_same_file(tmp_path: Path) -> None:
    better = replace(MODEL, version="2", sha256="cd" * 32)
    with Journal(tmp_path / "out.jsonl", MODEL) as journal:
        journal.add(ONE)
    with Journal(tmp_path / "out.jsonl", better) as journal:
        assert not journal.holds(ONE)
        journal.add(ONE)
    with Journal(tmp_path / "out.jsonl", better) as journal:
        assert journal.holds(ONE)
    assert len(lines(tmp_path / "out.jsonl")) == 4


def test_a_failure_is_tried_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "out.jsonl", MODEL) as journal:
        journal.add({**ONE, "failure": "a.jpg: the picture is damaged"})
    with Journal(tmp_path / "out.jsonl", MODEL) as journal:
        assert not journal.holds(ONE)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1))
def test_cut_off_anywhere_it_holds_the_whole_lines_and_stays_json(
    tmp_path: Path, share: float
) -> None:
    file = tmp_path / "out.jsonl"
    file.unlink(missing_ok=True)
    marks = [{**ONE, "photo": f"照片{n}.jpg"} for n in range(5)]
    with Journal(file, MODEL) as journal:
        for mark in marks:
            journal.add({**mark, "detections": [1, 2]})
    whole = file.read_bytes()
    cut = whole[: round(len(whole) * share)]
    file.write_bytes(cut)
    kept = cut.count(b"\n")
    with Journal(file, MODEL) as journal:
        assert [journal.holds(mark) for mark in marks] == [n < kept - 1 for n in range(5)]
        journal.add({**marks[-1], "detections": [3]})
    assert len(lines(file)) == max(kept, 1) + 1
    assert file.read_bytes().startswith(cut[: cut.rfind(b"\n") + 1])


def test_a_line_that_is_no_json_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    with Journal(file, MODEL) as journal:
        journal.add(ONE)
    with file.open("ab") as out:
        out.write(b"\x00\x00\xff\n[1]\n" + json.dumps(TWO).encode() + b"\n")
    with Journal(file, MODEL) as journal:
        assert journal.holds(ONE)
        assert journal.holds(TWO)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0photo", b"{}\n", b'{"photo": 1}\n'])
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=r"photo\.jpg: exists and is not a file of results"):
        Journal(file, MODEL)
    assert file.read_bytes() == content


def test_a_pipe_takes_no_results(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="pipe: is no plain file"):
        Journal(tmp_path / "pipe", MODEL)


def test_two_runs_cannot_write_to_one_file(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "out.jsonl", MODEL),
        pytest.raises(SourceError, match="another run is writing to it"),
    ):
        Journal(tmp_path / "out.jsonl", MODEL)
    with Journal(tmp_path / "out.jsonl", MODEL):
        pass


def test_a_disk_that_takes_no_more_is_an_error_and_costs_that_line_alone(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    with Journal(file, MODEL) as journal:
        journal.add(ONE)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 10, before[1]))
        try:
            with pytest.raises(KerbwatchError, match=r"out\.jsonl: File too large"):
                journal.add(TWO)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        journal.add(THREE)
    assert [line["photo"] for line in lines(file)[1:]] == [ONE["photo"], THREE["photo"]]
    with Journal(file, MODEL) as journal:
        assert journal.holds(ONE)
        assert not journal.holds(TWO)
        assert journal.holds(THREE)


def test_a_name_that_is_no_utf8_survives(tmp_path: Path) -> None:
    mark = {**ONE, "photo": os.fsdecode(b"\xc4\xe3.jpg")}
    with Journal(tmp_path / "out.jsonl", MODEL) as journal:
        journal.add(mark)
    (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    with Journal(tmp_path / "out.jsonl", MODEL) as journal:
        assert journal.holds(mark)


def test_the_mark_of_a_file_is_its_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"abc")
    os.utime(file, ns=(0, 1_773_473_400_123_456_789))
    assert file_mark(file) == {"bytes": 3, "modified": "2026-03-14T07:30:00.123456+00:00"}
    with pytest.raises(SourceError, match=r"b\.jpg: No such file"):
        file_mark(tmp_path / "b.jpg")
