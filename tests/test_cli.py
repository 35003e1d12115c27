"""What no command has foreseen is one line as well."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

import pytest
import typer

from cv import cli


def told(
    error: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    def fails(**_options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_a_file_that_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        tmp_path.read_bytes()
    said = told(caught.value, monkeypatch, capsys)
    assert said == f"error: {tmp_path}: Is a directory\n"


def test_a_full_disk_is_said_though_no_file_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert told(full, monkeypatch, capsys) == "error: No space left on device\n"
    assert told(OSError("no picture"), monkeypatch, capsys) == "error: no picture\n"


def test_a_sign_that_the_terminal_does_not_know_hides_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="gbk"))
    monkeypatch.setattr(cli, "app", lambda **_options: typer.echo("投诉 😀"))
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert not caught.value.code
    sys.stdout.flush()
    assert written.getvalue().decode("gbk") == "投诉 \\U0001f600\n"
