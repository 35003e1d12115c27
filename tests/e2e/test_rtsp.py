"""The same clips through a real RTSP server: the same incidents, also when the server goes away."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from cv.bench.clip import camera_clip
from cv.bench.rtsp import RtspServer
from cv.geometry import Box, iou
from tests.detect.clips import make_clip
from tests.e2e.conftest import COMMAND, ROOT, Run, json_lines

pytestmark = [pytest.mark.media, pytest.mark.slow]


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


def test_a_stream_gives_the_incidents_of_the_file(
    kerbwatch: Run, demo_site: Path, tmp_path: Path
) -> None:
    """On the clip that comes with kerbwatch: a fixed camera, and nothing that is borderline."""
    clip = ROOT / "datasets/samples/street.mp4"
    command = [
        "detect", clip, "--site", demo_site, "--camera", "street",
        "--data", tmp_path / "file", "--json", "-q",
    ]  # fmt: skip
    from_file = opened(json_lines(kerbwatch(*command).stdout))
    with RtspServer(clip) as server:
        out, log = detect(server.url, demo_site, "street", tmp_path / "s", 38).communicate()
    from_stream = opened(json_lines(out))
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
    """The run goes on; a car that is still there afterwards is not a second incident.

    In a view that does not zoom, as the clip itself does.
    """
    clip = camera_clip(parking, tmp_path / "still.mp4", size=(1280, 720), still=True)
    with RtspServer(clip, loop=True) as server:
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


def test_a_patrol_finds_what_stays_from_visit_to_visit(demo_site: Path, tmp_path: Path) -> None:
    """A look every 4 s from a new connection each time; the clip's stalls stand longer."""
    with RtspServer(ROOT / "datasets/samples/street.mp4") as server:
        run = subprocess.run(
            [
                COMMAND, "detect", server.url, "--site", demo_site, "--camera", "street",
                "--data", tmp_path / "s", "--patrol", "--every", "4s", "--for", "30s", "--json",
                "--backend", "onnxruntime",  # bfloat16 moves scores, by processor
            ],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    changes = json_lines(run.stdout)
    assert {change["matter"] for change in changes if change["state"] == "open"} >= {
        "roadside_vending",
        "out_of_store_vending",
    }
    assert "alone" in run.stderr, "each visit decodes one key frame"


def test_a_watched_sub_stream_gives_cases_with_the_main_streams_pictures(
    demo_site: Path, tmp_path: Path
) -> None:
    clip = ROOT / "datasets/samples/street.mp4"
    with av.open(str(clip)) as container:
        frames = [
            np.asarray(cv2.resize(frame.to_ndarray(format="bgr24"), (640, 360)), np.uint8)
            for frame in container.decode(video=0)
        ]
    small = make_clip(tmp_path / "sub.mp4", images=frames, frames=len(frames), fps=8, gop=8,
                      size=(640, 360))  # fmt: skip
    site = tmp_path / "site.toml"
    with RtspServer(clip, loop=True) as main, RtspServer(small) as sub:
        text = demo_site.read_text(encoding="utf-8")
        urls = f'id = "street"\nurl = "{main.url}"\nsub_url = "{sub.url}"'
        assert text.count('id = "street"') == 1
        site.write_text(text.replace('id = "street"', urls), encoding="utf-8")
        run = subprocess.run(
            [
                COMMAND, "detect", "street", "--site", site, "--data", tmp_path / "data",
                "--for", "38s", "--json",
            ],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    changes = [change for change in json_lines(run.stdout) if change["state"] == "open"]
    assert changes
    for change in changes:
        (scene,) = (tmp_path / "data/evidence" / change["id"]).glob("scene.jpg")
        assert cv2.imread(str(scene)).shape == (720, 1280, 3)
