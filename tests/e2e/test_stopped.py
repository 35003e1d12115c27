"""What a run says that was stopped, or that saw nothing."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from cv.bench.rtsp import free_port
from tests.detect.clips import make_clip
from tests.e2e.conftest import COMMAND, Run
from tests.listening import until

SITE = """
[site]
name = "Shashi"

[[cameras]]
id = "gate"
name = "Gate"
url = "rtsp://127.0.0.1:{port}/dead"
"""


@pytest.mark.slow
def test_a_stopped_run_tells_what_is_left(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_clip(tmp_path / f"{name}.mp4", frames=3000)
    command = [COMMAND, "detect", "one.mp4", "two.mp4", "--every", "all"]
    command += ["--backend", "onnxruntime", "--json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as run:
        data = tmp_path / "kerbwatch-data/cases.sqlite"
        while not data.exists():
            assert run.poll() is None
        run.send_signal(signal.SIGTERM)
        assert run.stderr
        said = run.stderr.read()
        assert run.wait(60) == 130, said
    assert "stopped: 2 recordings not watched to the end" in said


def test_a_patrol_that_saw_nothing_failed(kerbwatch: Run, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE.format(port=free_port()), encoding="utf-8")
    result = kerbwatch("detect", "--patrol", "--every", "1s", "--for", "3s", status=1)
    assert "gave no picture" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "ignored", "ends"),
    [
        pytest.param(signal.SIGHUP, False, True, id="closed terminal"),
        pytest.param(signal.SIGHUP, True, False, id="closed terminal of nohup"),
        pytest.param(signal.SIGINT, True, True, id="kill -INT of a script's background run"),
    ],
)
def test_a_closed_terminal_or_an_interrupt_ends_a_run_in_order(
    tmp_path: Path, number: signal.Signals, ignored: bool, ends: bool
) -> None:
    make_clip(tmp_path / "long.mp4", frames=3000 if ends else 100)
    command = [COMMAND, "detect", "long.mp4", "--every", "all", "--backend", "onnxruntime"]
    # What a child begins with is its parent's, which may ignore signals itself.
    mine = signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(number, mine)
    with run:
        data = tmp_path / "kerbwatch-data/cases.sqlite"
        until(lambda: data.exists() or run.poll() is not None)
        run.send_signal(number)
        assert run.stderr
        said = run.stderr.read()
        assert run.wait(60) == (130 if ends else 0), said
    assert ("stopped: 1 recording not watched to the end" in said) is ends
