"""Streams that do not answer, and addresses with secrets in them."""

from __future__ import annotations

import pytest

from cv.bench.rtsp import free_port
from tests.e2e.conftest import Run


@pytest.mark.slow
@pytest.mark.parametrize("verbose", [[], ["-v"], ["-v", "--log-json"]])
def test_a_password_appears_nowhere(kerbwatch: Run, verbose: list[str]) -> None:
    url = f"rtsp://admin:hunter2@127.0.0.1:{free_port()}/cam?token=abc123"
    result = kerbwatch(*verbose, "detect", url, "--for", "2s", status=1)
    assert "gave no picture" in result.stderr
    assert "Traceback" not in result.stderr
    for secret in ("hunter2", "admin", "abc123"):
        assert secret not in result.stdout + result.stderr


def test_an_address_without_its_scheme_keeps_its_password_too(kerbwatch: Run) -> None:
    result = kerbwatch("detect", "admin:hunter2@127.0.0.1/stream", status=2)
    assert "hunter2" not in result.stderr
    assert "rtsp://" in result.stderr
