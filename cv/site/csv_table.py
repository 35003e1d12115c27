"""A city's table in a CSV file, as spreadsheets write it, read so that each mistake has its line.

Encodings are UTF-8, with or without a byte order mark, and GB18030, which Excel writes in China.
Headings are Chinese or English, in any order; other columns than those asked for are passed over.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cv.errors import SiteError

__all__ = ["Column", "CsvTable", "Row"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Column:
    """What is looked for: under the heading `key` or one of `zh`."""

    key: str
    zh: tuple[str, ...]
    required: bool = True

    def is_headed(self, heading: str) -> bool:
        return heading.strip().casefold() in (self.key, *self.zh)


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `line` counts from 1, `cells` has a text for each column, empty if there is none."""

    line: int
    cells: Mapping[str, str]


class CsvTable:
    """The rows of a file, and what is found wrong with them, while reading it and later.

    Attributes:
        path: as messages show it.
        rows: in the order of the file, without empty ones.
        problems: mistakes, `units.csv:3: 区域: ...`, in the order of the file.

    Raises:
        SiteError: the file cannot be read.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.path = path
        self.rows: list[Row] = []
        self._found: list[tuple[int, str]] = []
        self._headings: dict[str, str] = {}
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            raise SiteError(f"{path}: no such file") from None
        except OSError as error:
            raise SiteError(f"{path}: {error.strerror or 'cannot be read'}") from None
        text = self._decoded(raw)
        if text is not None:
            self._read(self._numbered(text), columns)

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(f"{self.path}:{line}: {text}" for line, text in sorted(self._found))

    def told(self, row: Row, key: str, message: str) -> str:
        """A remark about a cell, with its file and line."""
        return f"{self.path}:{row.line}: {self._headings[key]}: {message}"

    def mistake(self, row: Row, key: str, message: str) -> None:
        self._found.append((row.line, f"{self._headings.get(key, key)}: {message}"))

    def value(self, row: Row, key: str, read: Callable[[str], _T]) -> _T | None:
        """What `read` makes of a cell; None, and a mistake, if it raises ValueError."""
        try:
            return read(row.cells[key])
        except ValueError as error:
            self.mistake(row, key, str(error))
            return None

    def _decoded(self, raw: bytes) -> str | None:
        for encoding in ("utf-8-sig", "gb18030"):
            try:
                text = raw.decode(encoding)
            except UnicodeDecodeError as error:
                line = raw.count(b"\n", 0, error.start) + 1
            else:
                if "\0" not in text:
                    return text
                line = 1
        self._found.append((line, "is neither UTF-8 nor GB18030 text; save it as CSV UTF-8"))
        return None

    def _read(self, lines: Iterator[tuple[int, list[str]]], columns: Sequence[Column]) -> None:
        line, headings = next(lines, (1, []))
        places = {
            column.key: [i for i, heading in enumerate(headings) if column.is_headed(heading)]
            for column in columns
        }
        if not any(places.values()):
            known = ", ".join(column.key for column in columns)
            text = f"has none of the headings {known} (or their Chinese), separated by commas"
            self._found.append((line, text))
            return
        for column in columns:
            if len(places[column.key]) > 1:
                self._found.append((line, f"{column.key}: two columns have this heading"))
            elif column.required and not places[column.key]:
                names = " or ".join((column.key, *column.zh))
                self._found.append((line, f"{column.key}: no column has the heading {names}"))
        if self._found:
            return
        at = {key: place[0] for key, place in places.items() if place}
        self._headings = {key: headings[i] for key, i in at.items()}
        for line, cells in lines:
            if len(cells) > len(headings) and any(cells[len(headings) :]):
                text = (
                    f"has {len(cells)} cells under {len(headings)} headings; quote commas in text"
                )
                self._found.append((line, text))
            elif any(cells):
                found = {key: cells[i] for key, i in at.items() if i < len(cells)}
                self.rows.append(Row(line, {column.key: "" for column in columns} | found))

    def _numbered(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Each row's cells, trimmed, with the line that the row begins on."""
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        line = 1
        try:
            for cells in reader:
                yield line, [cell.strip() for cell in cells]
                line = reader.line_num + 1
        except csv.Error as error:
            self._found.append((line, f"is no row of commas and quotes: {error}"))
