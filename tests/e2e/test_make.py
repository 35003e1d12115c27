"""The Makefile in a folder of its own, with a `kerbwatch` that only notes what it was given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Set up already, as far as make can tell: nothing is installed."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    command = tmp_path / ".venv/bin/kerbwatch"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\nfor word; do echo "$word" >> given.txt; done\n')
    command.chmod(0o755)
    (tmp_path / ".venv/.stamps").mkdir()
    for stamp in ("venv", "base"):
        (tmp_path / ".venv/.stamps" / stamp).touch()
    return tmp_path


def make(folder: Path, *words: str) -> None:
    subprocess.run(["make", *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("media", ["my clip.mp4", "rtsp://10.0.0.8/stream?channel=1&subtype=1"])
def test_the_demo_watches_what_it_is_given_whatever_its_name(checkout: Path, media: str) -> None:
    make(checkout, "demo", f"MEDIA={media}")
    assert (checkout / "given.txt").read_text(encoding="utf-8").splitlines()[:2] == [
        "detect",
        media,
    ]


def test_the_demo_finds_a_clip_at_home(checkout: Path) -> None:
    make(checkout, "demo", "MEDIA=~/clip.mp4")
    given = (checkout / "given.txt").read_text(encoding="utf-8").splitlines()
    assert given[1] == str(Path.home() / "clip.mp4")


def test_the_demo_leaves_somebody_elses_clip_its_own_time(checkout: Path) -> None:
    make(checkout, "demo", "MEDIA=clip.mp4")
    assert "--start" not in (checkout / "given.txt").read_text(encoding="utf-8").splitlines()


def test_the_demo_has_a_clip_of_its_own(checkout: Path) -> None:
    make(checkout, "demo")
    given = (checkout / "given.txt").read_text(encoding="utf-8").splitlines()
    assert given[:2] == ["detect", "datasets/samples/street.mp4"]


def test_a_python_that_is_too_old_makes_no_environment(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    old = checkout / "python3.10"
    old.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] || exit 0\n'
        f'exec {sys.executable} -c "import sys; sys.version_info = (3, 10); $2"\n'
    )
    old.chmod(0o755)
    words = ["make", "demo", f"PYTHON={old}"]
    result = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "kerbwatch needs Python 3.11 or newer" in result.stderr
    # Else it would be used for ever after, whatever PYTHON says.
    assert not (checkout / ".venv/.stamps/venv").exists()


def test_cleaning_leaves_cases_and_training_runs_alone(checkout: Path) -> None:
    kept = [checkout / name for name in ("kerbwatch-data/cases.sqlite", "runs/n/weights/best.pt")]
    made = checkout / "out/demo/annotated.mp4"
    for file in (*kept, made):
        file.parent.mkdir(parents=True)
        file.touch()
    make(checkout, "clean")
    assert all(file.exists() for file in kept)
    assert not made.exists()
    assert not (checkout / ".venv").exists()
