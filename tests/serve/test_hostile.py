"""What is made to break the service is answered, never with a 500, in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serve.hostile import HOSTILE, animated, exif_loop, heic, png, saved, small, with_segment

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 512 * 1024 * 1024


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All of them through the service with its default limits, in a process of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, (make, _) in HOSTILE.items():
        (folder / name).write_bytes(make())
    result = subprocess.run(
        [sys.executable, "-m", "tests.serve.hostile", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=550, check=True,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_file_is_answered_as_it_should(outcome: dict[str, Any], name: str) -> None:
    assert outcome["statuses"][name] in HOSTILE[name][1]


def test_hostile_files_do_not_fill_memory(outcome: dict[str, Any]) -> None:
    assert outcome["peak_bytes"] < MOST_BYTES


VALID: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(small(), "JPEG"),
    "exif": lambda: with_segment(0xE1, exif_loop()),
    "png": lambda: png(64, 48),
    "webp": lambda: saved(small(), "WEBP"),
    "animated": lambda: animated("WEBP"),
    "apng": lambda: animated("PNG"),
    "heic": heic,
}
MADE = {name: make() for name, make in VALID.items()}


def check_mutation(client: TestClient, kind: str, data: st.DataObject) -> None:
    content = bytearray(MADE[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.sampled_from([0, 1, 1, 1, 4, 30]))
        content[at : at + length] = data.draw(st.binary(max_size=6))
        if not content:
            return
    answer = client.post("/v1/detect?min_score=0.9", content=bytes(content))
    assert answer.status_code in (200, 413, 415, 422)


@pytest.mark.parametrize("kind", MADE)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_changed_picture_never_breaks_the_service(
    client: TestClient, kind: str, data: st.DataObject
) -> None:
    check_mutation(client, kind, data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MADE)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_many_changed_pictures_never_break_the_service(
    client: TestClient, kind: str, data: st.DataObject
) -> None:
    check_mutation(client, kind, data)
