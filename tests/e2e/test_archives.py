"""Archives: kill -9 at any moment and go on, the same results, no more memory for more photos."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.detect.clips import Pixels, make_clip
from tests.e2e.conftest import COMMAND, ROOT, Run, json_lines
from tests.tiny_model import write_tiny_model

SITE = """
[reporting]
data = "data"
[[cameras]]
id = "gate"
[[cameras.zones]]
id = "kerb"
kind = "lane"
dwell = "10s"
clear = "10s"
polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.onnx")


def make_photos(folder: Path, count: int) -> Path:
    """Photos of 16x16, each of another colour; every hundredth is damaged."""
    for n in range(count):
        file = folder / f"{n // 1000:03}/{n:06}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        colour = np.full((16, 16, 3), (n % 250, n // 250 % 250, 30), np.uint8)
        data = cv2.imencode(".png", colour)[1].tobytes()
        file.write_bytes(data[:50] if n % 100 == 50 else data)
    return folder


def kill_after(command: list[str], folder: Path, seconds: float) -> None:
    run = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    run.send_signal(signal.SIGKILL)
    run.wait()


def last_lines(file: Path) -> dict[str, object]:
    """What the last line about each photo or recording says."""
    lines = json_lines(file.read_text(encoding="utf-8"))
    return {line.get("photo") or line["recording"]: line for line in lines[1:]}


def moments(seed: int, first_s: float, last_s: float, count: int) -> Iterator[float]:
    chance = random.Random(seed)
    return (chance.uniform(first_s, last_s) for _ in range(count))


@pytest.mark.slow
def test_photos_killed_at_any_moment_go_on_and_give_the_same(
    kerbwatch: Run, tiny: Path, tmp_path: Path
) -> None:
    make_photos(tmp_path / "photos", 800)
    common = ["detect", "photos", "--model", str(tiny), "--backend", "onnxruntime", "-q"]
    began = time.monotonic()
    kerbwatch(*common, "--out", "calm.jsonl", status=1)
    whole_s = time.monotonic() - began
    killed = tmp_path / "killed.jsonl"
    for seconds in moments(5, whole_s * 0.4, whole_s, 3):
        kill_after([COMMAND, *common, "--out", killed.name], tmp_path, seconds)
    end = kerbwatch(*common[:-1], "--out", killed, status=1)
    assert last_lines(killed) == last_lines(tmp_path / "calm.jsonl")
    lines = json_lines(killed.read_text(encoding="utf-8"))
    good = [line["photo"] for line in lines[1:] if "failure" not in line]
    assert len(good) == len(set(good)) == 792, "no photo was done twice"
    assert "8 failed" in end.stderr
    again = kerbwatch(*common[:-1], "--out", killed, status=1)
    assert "792 done before · 8 failed" in again.stderr


def test_names_that_are_no_utf8_are_photos_too(kerbwatch: Run, tiny: Path, tmp_path: Path) -> None:
    """Archives from Windows machines have GBK names."""
    (tmp_path / "photos").mkdir()
    good = cv2.imencode(".png", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    for name, data in ((b"\xd5\xd5\xc6\xac.png", good), (b"\xbb\xb5.png", b"bad")):
        (tmp_path / "photos" / os.fsdecode(name)).write_bytes(data)
    command = ["detect", "photos", "--model", tiny, "--backend", "onnxruntime"]
    shown = kerbwatch(*command, status=1)
    assert "photos/\\udcd5\\udcd5\u01ac.png: 1 car" in shown.stdout
    assert "\\udcbb" in shown.stderr
    bad, fine = json_lines(kerbwatch(*command, "--json", status=1).stdout)
    assert "failure" in bad
    assert os.fsencode(fine["photo"]) == b"photos/\xd5\xd5\xc6\xac.png"
    kerbwatch(*command, "--out", "out.jsonl", status=1)
    again = kerbwatch(*command, "--out", "out.jsonl", status=1)
    assert "1 done before · 1 failed" in again.stderr


def peak_kib(command: list[str], folder: Path) -> int:
    """Most memory that a command had at any time, in KiB."""
    run = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    assert run.returncode == 1  # some are damaged
    return usage.ru_maxrss


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("count", [2000, 40_000])
def test_memory_does_not_grow_with_the_photos(count: int, tiny: Path, tmp_path: Path) -> None:
    """300 bytes a photo: its path, and what marks it as done; 100,000 are 30 MB at most."""
    command = [
        COMMAND, "detect", "photos", "--model", str(tiny), "--backend", "onnxruntime",
        "-q", "--out", "out.jsonl",
    ]  # fmt: skip
    make_photos(tmp_path / "few/photos", 300)
    make_photos(tmp_path / "many/photos", count)
    few = peak_kib(command, tmp_path / "few")
    many = peak_kib(command, tmp_path / "many")
    again = peak_kib(command, tmp_path / "many")
    allowed = 6 * 1024 + count * 300 // 1024
    assert many - few < allowed
    assert again - few < allowed


def street(seconds: range, fps: int) -> list[Pixels]:
    """A car that stands for 25 s, is elsewhere for 25 s, and so on, as the model sees it that goes
    by the mean colour: the right half of the picture changes, the left one has stripes.
    """
    pictures = []
    for n in range(seconds.start * fps, seconds.stop * fps):
        picture = np.full((192, 320, 3), (30, 120, 30), np.uint8)
        picture[:, :160:16, 1] = 20
        picture[:, 160:, 0] += 200 * (n // fps // 25 % 2)
        pictures.append(picture)
    return pictures


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings of 30 s in a row, each 300 looks at --every 0.1s."""
    folder = tmp_path_factory.mktemp("archive")
    for part in range(4):
        name = f"gate_202603141530{part * 30:02}.mp4" if part < 2 else None
        name = name or f"gate_202603141531{(part - 2) * 30:02}.mp4"
        pictures = street(range(part * 30, part * 30 + 30), 10)
        make_clip(folder / name, images=pictures, fps=10, gop=10)
    return folder


def cases(data: Path) -> list[tuple[str, ...]]:
    """(id, state, first seen, last seen) of each case in the store."""
    with sqlite3.connect(data / "cases.sqlite") as store:
        columns = "id, state, first_seen, last_seen"
        return store.execute(f"select {columns} from cases order by first_seen").fetchall()


@pytest.mark.slow
def test_recordings_killed_at_any_moment_go_on_and_give_the_same_cases(
    kerbwatch: Run, tiny: Path, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    (tmp_path / "archive").symlink_to(archive)
    common = [
        "detect", "archive", "--site", "site.toml", "--every", "0.1s", "--model", str(tiny),
        "--backend", "onnxruntime", "--no-deliver",
    ]  # fmt: skip
    began = time.monotonic()
    kerbwatch(*common, "-q", "--data", "calm", "--out", "calm.jsonl")
    whole_s = time.monotonic() - began
    expected = cases(tmp_path / "calm")
    assert len(expected) == 5
    assert [case[1] for case in expected] == ["cleared"] * 4 + ["new"]

    with_file = [*common, "--data", "killed", "--out", "killed.jsonl"]
    for seconds in moments(3, whole_s * 0.3, whole_s * 0.9, 4):
        kill_after([COMMAND, *with_file, "-q"], tmp_path, seconds)
    kerbwatch(*with_file)
    assert cases(tmp_path / "killed") == expected
    again = kerbwatch(*with_file)
    assert again.stderr.count("done before") == 4
    begun = [
        line["recording"]
        for line in json_lines((tmp_path / "killed.jsonl").read_text(encoding="utf-8"))
        if line.get("state") == "begun"
    ]
    assert len(begun) == len(set(begun)) == 4


KILLED_AT = """
import json, os, signal, sys
from cv.cases.store import CaseStore
from cv.cli import main

moment, commit = sys.argv.pop(1), CaseStore.commit_look

def committed(store, **look):
    commit(store, **look)
    if look["state"] and json.loads(look["state"])["last_look"] > moment:
        os.kill(os.getpid(), signal.SIGKILL)

CaseStore.commit_look = committed
main()
"""
"""`kerbwatch ...` that is killed once it has committed a look after a moment: at any speed."""


@pytest.mark.slow
def test_a_recording_begun_by_a_killed_run_goes_on_in_its_middle(
    kerbwatch: Run, tiny: Path, archive: Path, tmp_path: Path
) -> None:
    """Killed in the third of four: the next run makes few looks, and says which were done."""
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    (tmp_path / "archive").symlink_to(archive)
    command = [
        "detect", "archive", "--site", "site.toml", "--every", "0.1s", "--model", str(tiny),
        "--backend", "onnxruntime", "--no-deliver", "--out", "out.jsonl",
    ]  # fmt: skip
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT, "2026-03-14T07:31:12", *command],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    end = kerbwatch(*command).stderr
    done = [line for line in end.splitlines() if "done before" in line]
    assert len(done) == 2
    (third,) = [
        line for line in json_lines((tmp_path / "out.jsonl").read_text()) if "153100" in str(line)
        and line.get("state") == "done"
    ]  # fmt: skip
    assert third["incidents"] < 2


def test_where_standard_output_takes_no_more_the_run_ends_with_one_line(
    tmp_path: Path, tiny: Path
) -> None:
    make_photos(tmp_path / "photos", 3)
    command = [COMMAND, "detect", "photos", "--json", "--quiet", "--model", str(tiny)]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert result.returncode == 1
    assert result.stderr.strip() == "error: standard output: No space left on device"


def test_a_name_of_two_lines_is_one_line(kerbwatch: Run, tmp_path: Path, tiny: Path) -> None:
    make_photos(tmp_path / "photos", 1)
    (tmp_path / "photos/000/000000.png").rename(tmp_path / "photos/two\nlines.png")
    result = kerbwatch("detect", "photos", "--quiet", "--model", tiny)
    assert result.stdout.startswith("photos/two\\nlines.png: ")
    assert len(result.stdout.splitlines()) == 1
