"""kill -9 at random moments of a run: no case lost, none doubled, at a real receiver."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, Run, json_lines
from tests.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.media, pytest.mark.slow, pytest.mark.timeout(2400)]

ROUNDS = 20


def site_for(receiver: WebhookReceiver, demo_site: Path, folder: Path) -> Path:
    """The demo site, its cases posted to the receiver."""
    text = demo_site.read_text(encoding="utf-8")
    text = text.replace('targets = ["spool"]', 'targets = ["webhook"]')
    text = text.replace(
        '[reporting.spool]\nfolder = "spool"', f'[reporting.webhook]\nurl = "{receiver.url}"'
    )
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_run_killed_twenty_times_posts_each_case_exactly_once(
    kerbwatch: Run, demo_site: Path, parking: Path, tmp_path: Path
) -> None:
    moments = random.Random(11)
    with WebhookReceiver(tmp_path, "500", "lost", "drop") as receiver:
        site = site_for(receiver, demo_site, tmp_path)
        environment = {"KERBWATCH_WEBHOOK_SECRET": receiver.SECRET}
        common = [
            "detect", str(parking), "--camera", "parking", "--start", "2026-03-14T15:30:00",
            "--backend", "onnxruntime", "--json", "-q", "--site", str(site),
        ]  # fmt: skip
        undisturbed = kerbwatch(*common, "--data", tmp_path / "calm", "--no-deliver", **environment)
        expected = {
            f"{change['id']}.{'new' if change['state'] == 'open' else change['state']}"
            for change in json_lines(undisturbed.stdout)
            if change["state"] != "updated"
        }
        assert expected
        began = time.monotonic()
        kerbwatch(*common, "--data", tmp_path / "timed", "--no-deliver", **environment)
        whole_run_s = time.monotonic() - began
        command = [COMMAND, *common, "--data", str(tmp_path / "data")]
        for _ in range(ROUNDS):
            run = subprocess.Popen(
                command, env={**os.environ, **environment},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(moments.uniform(0.3, whole_run_s))
            run.send_signal(signal.SIGKILL)
            run.wait()
        kerbwatch(*common, "--data", tmp_path / "data", **environment)
        deliver_all(kerbwatch, ("--site", site, "--data", tmp_path / "data"), environment)
        taken = Counter(row["key"] for row in receiver.received if not row["repeat"])
    assert taken == dict.fromkeys(expected, 1)


def deliver_all(
    kerbwatch: Run, common: tuple[str | Path, ...], environment: dict[str, str]
) -> None:
    """Messages that a killed process had leased or that failed are due again at once.

    Args:
        common: options that say where the cases are.
    """

    def listed() -> str:
        return kerbwatch("cases", "list", "--limit", "500", "--json", *common, **environment).stdout

    ids = [row["id"] for row in json_lines(listed())]
    kerbwatch("cases", "retry", *ids, *common, **environment)
    for _ in range(40):
        shown = listed()
        states = {d["state"] for row in json_lines(shown) for d in row["deliveries"]}
        if states <= {"delivered", "superseded"}:
            return
        time.sleep(5)
        # Exits with 1 when the receiver fails once more, as it does for its first three messages.
        kerbwatch("cases", "deliver", *common, status=None, **environment)
    pytest.fail("not everything was delivered")
