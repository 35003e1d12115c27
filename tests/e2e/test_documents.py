"""Every command in the documents runs as written, in order, in one folder of a new user."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from shapely import Polygon

from cv.bench.rtsp import free_port
from cv.sim.reading import load_scenario
from cv.site import load_site

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)

RUN_BY_MAKE = {
    "make test",
    "make lint",
    'pip install -c constraints-cpu.txt -e ".[train]"',
    'pip install -c constraints-cpu.txt -e ".[sim]"',
}
"""What runs this very test, or what it needs: `make test` installs and starts it."""


def commands(document: Path) -> list[str]:
    """The shell commands of a Markdown file, without comments."""
    lines = "\n".join(BLOCK.findall(document.read_text(encoding="utf-8"))).splitlines()
    stripped = (line.split(" #")[0].strip() for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]


@pytest.fixture
def folder(tmp_path: Path, media: Path) -> Path:
    """A new user's folder: a recording, a photo, and the checkout's files."""
    clip = next((media / "video").glob("china_street_parking_*.mp4"))
    (tmp_path / "recording.mp4").symlink_to(clip)
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec/gate_20260314_153000.mp4").symlink_to(clip)
    for name in ("Makefile", "examples", "scripts", "weights", "pyproject.toml", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(command: str, folder: Path) -> None:
    """Run one command line; `serve` until it answers, endless watching until it is told to stop."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CAM_PASSWORD": "secret",
        "COLUMNS": "160",
    }
    if command.startswith("make"):
        check_make(command)
    elif command.startswith("kerbwatch serve"):
        check_serve(command, folder, environment)
    elif command not in RUN_BY_MAKE:
        result = subprocess.run(
            command, shell=True, cwd=folder, env=environment,
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"


def check_make(command: str) -> None:
    """`make demo` has a test of its own; here: the target exists and calls what it should."""
    plan = subprocess.run(
        [*shlex.split(command), "-n"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "scripts/demo" in plan or "pytest" in plan


def check_serve(command: str, folder: Path, environment: dict[str, str]) -> None:
    port = free_port()
    words = shlex.split(re.sub(r"--port \d+", f"--port {port}", command))
    server = subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                    assert answer.status == 200
                    return
            except OSError:
                time.sleep(0.2)
        pytest.fail("the service did not become ready in two minutes")
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=120) == 0


@pytest.mark.slow
@pytest.mark.media
def test_the_commands_of_the_readme(folder: Path) -> None:
    found = commands(ROOT / "README.md")
    assert "make demo" in found
    assert "make test" in found
    for command in found:
        run(command, folder)


@pytest.mark.slow
@pytest.mark.media
@pytest.mark.timeout(1200)
def test_the_commands_about_speed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    found = commands(ROOT / "docs/how-to-measure-speed.md")
    assert len(found) == 5
    for command in found:
        run(command, folder)
    assert (folder / "photos.png").stat().st_size > 5000


@pytest.mark.slow
def test_make_demo_shows_the_main_job(tmp_path: Path) -> None:
    """With nothing but the checkout: each incident of the clip's scenario, and no other."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KERBWATCH_MEDIA": str(tmp_path),
        "COLUMNS": "160",
    }
    result = subprocess.run(
        ["scripts/demo"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    with sqlite3.connect(ROOT / "out/demo/cases.sqlite") as store:
        filed = Counter(matter for (matter,) in store.execute("select matter from cases"))
    scenario = load_scenario(ROOT / "datasets/samples/street.toml")
    assert filed == Counter(str(true.matter) for true in scenario.incidents)
    assert all(matter in result.stdout for matter in filed)
    assert list((ROOT / "out/demo/evidence").glob("*/scene.jpg"))
    assert list((ROOT / "out/demo/spool").glob("*/new.json"))
    assert (ROOT / "out/demo/annotated.mp4").stat().st_size > 100_000


def test_the_zones_of_the_demo_are_those_of_its_scenario() -> None:
    scenario = load_scenario(ROOT / "datasets/samples/street.toml")
    drawn = {
        zone.id: zone for zone in load_site(ROOT / "examples/demo.toml").camera("street").zones
    }
    assert set(drawn) == {zone.id for zone in scenario.zones}
    for zone in scenario.zones:
        true, given = (
            Polygon(points)
            for points in (scenario.camera.lens().polygon(zone.ground), drawn[zone.id].polygon)
        )
        assert true.intersection(given).area > 0.9 * true.union(given).area
        assert drawn[zone.id].kind == zone.kind


def anchors(document: Path) -> set[str]:
    """What links may name in a Markdown file: its headings, as GitHub writes them in addresses."""
    prose = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


DOCUMENTS = [
    ROOT / "README.md",
    *sorted(
        file for name in ("docs", "datasets", "weights") for file in (ROOT / name).glob("*.md")
    ),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_in_a_document_lead_to_files_and_headings(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        file = document.parent / name if name else document
        assert file.exists(), target
        if heading:
            assert heading in anchors(file), target
