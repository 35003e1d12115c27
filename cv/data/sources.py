"""Source files: where labelled photos came from, under which licence, what their boxes mean."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cv.errors import ModelError
from cv.labels import LABELS

__all__ = ["SourceFile", "read_source_files"]


class SourceFile(BaseModel):
    """One source of labelled photos.

    Attributes:
        name: its folder's name below the data.
        upstream: address that the photos came from, or who took them.
        commit: version there; empty if it has none.
        licence: as the source states it.
        group: what a group of its photos is, which is never split.
        labels: what the boxes of each label mean in this source.
        rename: boxes of a label that are meant as another one, or as nothing ("").
        absent: labels so rare in it that they are taught as absent, but not scored.
        horizon: share of its photos' height above which nothing stands on the ground, in most of
            them; 1 if they are no streets to set things onto.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    upstream: str
    commit: str = ""
    licence: str
    group: str
    labels: dict[str, str]
    rename: dict[str, str] = {}
    absent: frozenset[str] = frozenset()
    horizon: float | None = Field(None, ge=0, le=1)

    @field_validator("labels", "absent")
    @classmethod
    def _known(cls, given: dict[str, str] | frozenset[str]) -> dict[str, str] | frozenset[str]:
        _check(given)
        return given

    @field_validator("rename")
    @classmethod
    def _to_known(cls, given: dict[str, str]) -> dict[str, str]:
        _check(given)
        _check(label for label in given.values() if label)
        return given

    def label(self, label: str) -> str | None:
        """What a box of this label counts as; None is nothing."""
        return self.rename.get(label, label) or None


def read_source_files(folder: Path) -> list[SourceFile]:
    """All source files of a folder, by name.

    Raises:
        ModelError: names the file and the key that cannot be used.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ModelError(f"{folder}: no source files (*.toml) there")
    sources = [_read(file) for file in files]
    names = [source.name for source in sources]
    for file, name in zip(files, names, strict=True):
        if names.count(name) > 1:
            raise ModelError(f"{file}: name: another file has {name!r} too")
    return sources


def _read(file: Path) -> SourceFile:
    try:
        return SourceFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: {error}") from error
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{file}: {key}: {first['msg'].removeprefix('Value error, ')}") from error


def _check(labels: object) -> None:
    for label in labels:  # type: ignore[attr-defined]
        if label not in LABELS:
            raise ValueError(f"{label!r} is no label; choose {', '.join(LABELS)}")
