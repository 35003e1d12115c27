"""What a command writes is asked before its work, and destroys nothing that it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from cv.errors import ModelError
from cv.train.outputs import check_output, write_output


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_an_input_is_not_overwritten_by_any_of_its_names(tmp_path: Path, link: str) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"weights")
    other = tmp_path / "other.onnx"
    getattr(other, link)(model)
    (tmp_path / "sub").mkdir()
    for out in (model, other, tmp_path / "sub/../model.onnx"):
        with pytest.raises(ModelError, match="is what it would be made of"):
            check_output(out, ".onnx", tmp_path / "none.pt", model)


def test_a_folder_and_another_kind_of_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(ModelError, match=r"folder\.md: is no file"):
        check_output(tmp_path / "folder.md", ".md")
    with pytest.raises(ModelError, match=r"card\.onnx: name a file that ends in \.md"):
        check_output(tmp_path / "card.onnx", ".md")
    with pytest.raises(ModelError, match=r"card: name a file that ends in \.md"):
        check_output(tmp_path / "card", ".md")


def test_where_nothing_can_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"file: cannot be written"):
        check_output(tmp_path / "file/card.md", ".md")
    with pytest.raises(ModelError, match=r"cannot be written: File name too long"):
        check_output(tmp_path / f"{'x' * 300}.md", ".md")


def test_an_earlier_result_may_be_replaced_and_a_folder_is_made(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("old")
    check_output(tmp_path / "card.md", ".md", tmp_path / "none.onnx")
    check_output(tmp_path / "new/folder/card.md", ".md")
    assert (tmp_path / "new/folder").is_dir()


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "card.md").mkdir()
    with pytest.raises(ModelError, match=r"card\.md: cannot be written"):
        write_output(tmp_path / "card.md", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["card.md"]
    write_output(tmp_path / "other.md", b"new")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["card.md", "other.md"]
