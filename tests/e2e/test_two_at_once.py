"""A second `kerbwatch detect` on cameras that one is watching already."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path
from typing import Self

import pytest

from tests.detect.web_camera import motion_jpeg_camera
from tests.e2e.conftest import COMMAND, json_lines
from tests.listening import until

SITE = """
[site]
name = "Shashi"

[[cameras]]
id = "gate"
url = "{gate}/gate"

[[cameras]]
id = "square"
url = "{square}/square"
"""


class Detecting:
    """A run of `kerbwatch detect`, killed at the end; `said` is what it said so far."""

    def __init__(self, folder: Path, *cameras: str) -> None:
        command = [COMMAND, "-v", "detect", *cameras, "--backend", "onnxruntime", "--json"]
        self.run = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.run.stderr
        for line in self.run.stderr:
            self.said += line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.run:
            self.run.kill()
            self._reader.join()

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.said)

    def end(self) -> str:
        """Stop it in order; gives what it printed."""
        self.run.send_signal(signal.SIGTERM)
        assert self.run.stdout
        printed = self.run.stdout.read()
        self.run.wait(60)
        return printed


@pytest.mark.slow
def test_a_camera_is_left_to_the_process_that_watches_it_and_taken_over_when_that_is_killed(
    tmp_path: Path,
) -> None:
    with motion_jpeg_camera(still=True) as gate, motion_jpeg_camera(still=True) as square:
        (tmp_path / "site.toml").write_text(SITE.format(gate=gate, square=square))
        with Detecting(tmp_path, "gate") as first:
            first.wait_for("gate: playing")
            watched = f"camera gate is watched by another process (pid {first.run.pid})"
            with Detecting(tmp_path, "gate") as vain:
                vain.wait_for(f"{watched}; trying again until that one ends")
                (failure,) = json_lines(vain.end())
                assert failure["failure"] == watched
                assert vain.run.returncode == 1
            with Detecting(tmp_path) as second:
                second.wait_for(watched)
                second.wait_for("square: playing")
                first.run.kill()
                second.wait_for("gate: playing again after")
                assert second.end() == ""
                assert second.run.returncode == 0
