"""What docs/architecture.md says of the code holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/architecture.md"


def imported(file: Path) -> Iterator[str]:
    """The top-level packages that a file imports, within functions as well."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def importers(package: str) -> set[str]:
    """The folders of `cv` and `serve` in which something imports a package."""
    return {
        file.relative_to(ROOT).parent.as_posix()
        for folder in ("cv", "serve")
        for file in (ROOT / folder).rglob("*.py")
        if package in imported(file)
    }


def test_the_library_never_imports_the_service() -> None:
    assert importers("serve") <= {"serve", "serve/open311"}


@pytest.mark.parametrize(
    ("package", "folder"),
    [("torch", "cv/train"), ("ultralytics", "cv/train"), ("bpy", "cv/sim")],
)
def test_what_watching_does_not_need_is_imported_in_one_folder(package: str, folder: str) -> None:
    assert importers(package) == {folder}


def test_the_page_names_every_package() -> None:
    text = PAGE.read_text(encoding="utf-8")
    packages = [folder.parent.name for folder in (ROOT / "cv").glob("*/__init__.py")]
    assert packages
    assert [name for name in packages if f"`cv/{name}/`" not in text] == []
