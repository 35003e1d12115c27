"""What a user gets wrong costs one clear line and exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["detect", "missing.mp4"], "missing.mp4"),
        (["detect"], "nothing to watch"),
        (["detect", "clip.txt"], "clip.txt"),
        (["detect", "x.jpg", "--site", "no.toml"], "no.toml"),
        (["detect", "x.jpg", "--backend", "tensorrt"], "auto, onnxruntime, openvino"),
        (["detect", "x.jpg", "--model", "no.onnx"], "no.onnx"),
        (["detect", "x.jpg", "--every", "soon"], "soon"),
        (["detect", "x.jpg", "--refresh", "soon"], "soon"),
        (["detect", "x.jpg", "--patrol"], "x.jpg: --patrol visits streams"),
        (["detect", "rtsp://127.0.0.1:9/cam", "--patrol"], "--patrol needs --every"),
        (["detect", "x.jpg", "--camera", "gate"], "gate"),
        (["site", "check", "no.toml"], "no.toml"),
        (["cases", "show", "kw-none"], "kw-none"),
        (["cases", "list", "--state", "shut"], "'shut' is not one of 'open', 'new'"),
        (["keys", "create", "--name", "app", "--role", "king"], "'king' is not one of 'report'"),
        (["keys", "create", "--role", "report"], "Missing option '--name'"),
        (["cases", "list", "--limit", "few"], "'--limit'"),
        (["cases", "lost"], "No such command 'lost'. Did you mean"),
        (["cases", "list", "--stat", "new"], "No such option: --stat"),
    ],
)
def test_one_line_and_exit_2(
    kerbwatch: Run, tmp_path: Path, arguments: list[str], says: str
) -> None:
    (tmp_path / "clip.txt").write_text("text")
    (tmp_path / "x.jpg").write_bytes(b"")
    result = kerbwatch(*arguments, status=2)
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_without_arguments_help_is_printed(kerbwatch: Run) -> None:
    result = kerbwatch("cases", status=2)
    assert "Usage: kerbwatch cases" in result.stdout
    assert result.stderr == ""


def test_doctor_finds_a_broken_model(kerbwatch: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    result = kerbwatch("doctor", status=1, KERBWATCH_MODEL=str(broken))
    assert "broken.onnx" in result.stdout


def test_doctor_is_content_here(kerbwatch: Run) -> None:
    output = kerbwatch("doctor").stdout
    for word in ("onnxruntime", "cpu features", "backend", "Nothing is wrong"):
        assert word in output


def test_help_names_the_commands_and_version_is_printed(kerbwatch: Run) -> None:
    commands = kerbwatch("--help").stdout
    for word in ("detect", "doctor", "site", "cases", "train", "serve"):
        assert word in commands
    assert kerbwatch("--version").stdout.startswith("kerbwatch 0.")
