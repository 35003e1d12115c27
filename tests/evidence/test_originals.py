"""Originals are kept encrypted, and are read again."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv.cli import app
from cv.errors import UserError
from cv.evidence.originals import (
    Originals,
    Together,
    frame_file,
    is_sealed,
    open_originals,
    photo_file,
    write_durably,
)
from cv.evidence.sealing import KEY_VARIABLE, new_key, sealed_digest, sealing_keys

PICTURE = b"\xff\xd8 a face \xff\xd9" * 500
FRAME = frame_file("originals", "gate", datetime(2026, 3, 14, 8, tzinfo=UTC))


def originals(folder: Path, monkeypatch: pytest.MonkeyPatch, *keys: str) -> Originals:
    monkeypatch.setenv(KEY_VARIABLE, ",".join(keys))
    return open_originals(folder)


def test_nothing_of_a_picture_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = originals(tmp_path, monkeypatch, new_key())
    file = kept.keep(FRAME, PICTURE)
    assert is_sealed(file)
    assert kept.find(FRAME) == file
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [str(path.relative_to(tmp_path)) for path in files] == [file]
    stored = files[0].read_bytes()
    assert b"face" not in stored
    assert sealed_digest(stored) == hashlib.sha256(PICTURE).hexdigest()
    assert kept.read(file) == PICTURE


def test_one_picture_that_is_kept_by_two_threads_at_once_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    with ThreadPoolExecutor(8) as pool:
        for _ in range(25):
            list(pool.map(lambda _: write_durably(file, PICTURE), range(8)))
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
    assert file.read_bytes() == PICTURE


def test_files_that_belong_together_are_all_there_or_none_is(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_bytes(b"")
    names = ("a/1.jpg", "b/2.jpg", "in the way/3.jpg")
    for count in (3, 2):
        with suppress(OSError), Together() as files:
            for name in names[:count]:
                files.write(tmp_path / name, PICTURE)
                assert list(tmp_path.rglob("*.jpg")) == [], "until all are written"
        found = [path.name for path in sorted(tmp_path.rglob("*")) if path.is_file()]
        assert found == (["in the way"] if count == 3 else ["1.jpg", "2.jpg", "in the way"])


def test_a_name_is_on_the_disk_with_its_file_before_anybody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test can cut the power; that the kernel is asked, and in this order, can be seen."""
    asked: list[Path] = []
    sync = os.fsync

    def noting(descriptor: int) -> None:
        asked.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr("os.fsync", noting)
    file = tmp_path / "evidence" / "kw-1" / "scene.jpg"
    write_durably(file, PICTURE)
    (part, *folders) = asked
    assert part.parent == file.parent
    assert set(folders) == {file.parent, file.parent.parent}


def test_what_was_kept_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = originals(tmp_path, monkeypatch).keep(FRAME, PICTURE)
    assert plain == FRAME
    later = originals(tmp_path, monkeypatch, new_key())
    assert later.keep(FRAME, b"another") == plain, "one frame is not kept twice"
    assert later.read(plain) == PICTURE


def test_a_new_key_opens_what_the_old_one_sealed_while_both_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = new_key(), new_key()
    first = originals(tmp_path, monkeypatch, old).keep(photo_file("a", "image/png"), PICTURE)
    both = originals(tmp_path, monkeypatch, new, old)
    second = both.keep(photo_file("b", "image/png"), PICTURE)
    assert both.read(first) == both.read(second) == PICTURE
    only_new = originals(tmp_path, monkeypatch, new)
    assert only_new.read(second) == PICTURE
    with pytest.raises(UserError, match=r"a\.png: encrypted with a key that is not in"):
        only_new.read(first)
    with pytest.raises(UserError, match=r"b\.png\.enc: encrypted, and there is no KERBWATCH"):
        originals(tmp_path, monkeypatch).read(second)


@pytest.mark.parametrize("at", [0, 5, 20, 50, 60, -1])
def test_a_file_that_was_changed_does_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    kept = originals(tmp_path, monkeypatch, new_key())
    path = tmp_path / kept.keep(FRAME, PICTURE)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged|not in KERBWATCH"):
        kept.read(f"{FRAME}.enc")


def test_a_file_cut_short_or_in_anothers_place_does_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = originals(tmp_path, monkeypatch, new_key())
    path = tmp_path / kept.keep(FRAME, PICTURE)
    content = path.read_bytes()
    other = path.with_name("other.jpg.enc")
    other.write_bytes(content)
    with pytest.raises(UserError, match="another file under its name"):
        kept.read(str(other.relative_to(tmp_path)))
    for length in (0, 3, 30, 60, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match="damaged"):
            kept.read(f"{FRAME}.enc")


@pytest.mark.parametrize(
    "text", ["hunter2", "x" * 44, "钥匙", "ldlHdwY-4L1mtQV3BTLNKmOPQyWg-b_A", "a" * 43]
)
def test_what_is_no_key_is_one_line_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, f"{new_key()} {text}")
    with pytest.raises(UserError, match="KERBWATCH_ORIGINALS_KEY: key 2 is not") as caught:
        sealing_keys()
    assert text not in str(caught.value)
    (tmp_path / "a.jpg").write_bytes(PICTURE)
    arguments = ["detect", str(tmp_path / "a.jpg"), "--data", str(tmp_path)]
    assert isinstance(CliRunner().invoke(app, arguments).exception, UserError)


def test_the_command_makes_a_key_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = CliRunner().invoke(app, ["evidence", "key"])
    assert made.exit_code == 0
    kept = originals(tmp_path, monkeypatch, made.stdout.strip())
    assert kept.read(kept.keep(FRAME, PICTURE)) == PICTURE


def test_that_they_are_not_encrypted_is_said_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = originals(tmp_path, monkeypatch)
    assert plain.notice
    assert KEY_VARIABLE in plain.notice
    assert originals(tmp_path, monkeypatch, new_key()).notice is None
    plain.keep(FRAME, PICTURE)
    assert plain.notice is None


def test_that_the_key_is_gone_is_said_at_every_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals(tmp_path, monkeypatch, new_key()).keep(FRAME, PICTURE)
    plain = originals(tmp_path, monkeypatch)
    assert f"new ones are not: {KEY_VARIABLE} is not set" in str(plain.notice)
    plain.keep(FRAME.replace(".jpg", "-2.jpg"), PICTURE)
    assert plain.notice
