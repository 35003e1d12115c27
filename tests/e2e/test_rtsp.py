"""The same clips through a real RTSP server: the same incidents, also when the server goes away."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from cv.geometry import Box, iou
from tests.e2e.conftest import COMMAND, Run, json_lines
from tests.rtsp import RtspServer

pytestmark = [pytest.mark.media, pytest.mark.slow]

HEIGHT = 996


def detect(url: str, site: Path, camera: str, data: Path, seconds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            COMMAND, "detect", url, "--site", site, "--camera", camera, "--data", data,
            "--for", f"{seconds}s", "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def opened(changes: list[dict[str, Any]]) -> list[Box]:
    return [Box(*change["box"]) for change in changes if change["state"] == "open"]


def whole(boxes: list[Box]) -> list[Box]:
    """Those that the picture's lower edge does not cut.

    Of the nearest car only a door and a mirror are in the picture. It is a car in some looks and
    nothing in others, so which second a look falls on decides.
    """
    return [box for box in boxes if box.y2 < HEIGHT - 4]


def test_a_stream_gives_the_incidents_of_the_file(
    kerbwatch: Run, demo_site: Path, parking: Path, tmp_path: Path
) -> None:
    command = [
        "detect", parking, "--site", demo_site, "--camera", "parking",
        "--data", tmp_path / "file", "--json", "-q",
    ]  # fmt: skip
    from_file = whole(opened(json_lines(kerbwatch(*command).stdout)))
    with RtspServer(parking) as server:
        out, log = detect(server.url, demo_site, "parking", tmp_path / "s", 32).communicate()
    from_stream = whole(opened(json_lines(out)))
    assert from_file
    assert len(from_stream) == len(from_file), log
    for box in from_file:
        assert max(iou(box, other) for other in from_stream) > 0.5


def test_passers_by_in_a_stream_are_no_incident(
    demo_site: Path, shopping: Path, tmp_path: Path
) -> None:
    with RtspServer(shopping) as server:
        out, log = detect(server.url, demo_site, "shopping", tmp_path / "s", 11).communicate()
    assert out == ""
    assert "0 incidents" in log


def test_the_server_goes_away_and_comes_back(
    demo_site: Path, parking: Path, tmp_path: Path
) -> None:
    """The run goes on; a car that is still there afterwards is not a second incident."""
    with RtspServer(parking, loop=True) as server:
        run = detect(server.url, demo_site, "parking", tmp_path / "s", 45)
        time.sleep(15)
        server.stop()
        time.sleep(5)
        server.start()
        out, log = run.communicate()
    assert run.returncode == 0, log
    assert "reconnects" in log
    boxes = opened(json_lines(out))
    assert boxes
    for i, box in enumerate(boxes):
        assert all(iou(box, other) < 0.5 for other in boxes[i + 1 :]), "one incident per car"
