"""Reading a site file: for work, or to find every mistake in it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from cv.codes import EDITIONS, CodeTable, edition
from cv.errors import SiteError
from cv.site.agreement import disagreements
from cv.site.build import build_site
from cv.site.errors import Problem, problems_of
from cv.site.file import SiteFile
from cv.site.model import Privacy, Reporting, Site
from cv.site.places import Places
from cv.site.routing import read_tables
from cv.site.toml_lines import KeyPath, line_of, locate
from cv.site.warnings import warnings_of

__all__ = ["SiteCheck", "check_site", "default_site", "load_site"]

_DATA = "kerbwatch-data"
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """What a check found.

    Attributes:
        site: None if there are problems.
        problems, warnings: one line each, `site.toml:12: cameras[0].id: ...`, in the file's order,
            then those of the tables that it names.
    """

    site: Site | None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def load_site(path: Path, *, variables: Mapping[str, str] | None = None) -> Site:
    """Read a site file.

    Args:
        variables: for `${NAME}`; by default those of the environment.

    Raises:
        SiteError: it cannot be read or is wrong somewhere; says the first of it.
    """
    check = check_site(path, variables=variables)
    if check.site is None:
        more = len(check.problems) - 1
        hint = f" (and {more} more: kerbwatch site check {path})" if more else ""
        raise SiteError(check.problems[0] + hint)
    return check.site


def check_site(path: Path, *, variables: Mapping[str, str] | None = None) -> SiteCheck:
    """Find everything that is wrong with a site file, and what is odd about it.

    Raises:
        SiteError: the file itself cannot be read.
    """
    if variables is None:
        variables = os.environ
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        hint = f"write one with: kerbwatch site init {path}"
        raise SiteError(f"{path}: no such file; {hint}") from None
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        data, lines = _parse(raw)
    except _NotTomlError as error:
        return SiteCheck(None, (f"{path}:{error.line}: {error}",))

    def told(problems: Iterable[Problem]) -> tuple[str, ...]:
        numbered = sorted((line_of(lines, problem.path), str(problem)) for problem in problems)
        return tuple(dict.fromkeys(f"{path}:{line}: {text}" for line, text in numbered))

    problems = list(disagreements(data))
    file, places = None, None
    try:
        file = SiteFile.model_validate(data, context={"variables": variables})
    except ValidationError as error:
        problems += problems_of(error, SiteFile)
    try:
        places = _places(data, path.parent)
    except SiteError as error:
        problems.append(Problem(("site", "communities"), str(error)))
    tables = read_tables(data, path.parent, _codes(data))
    problems += tables.unread
    if file is None or problems or tables.problems:
        return SiteCheck(None, (*told(problems), *tables.problems))
    site = build_site(file, path.parent, places, tables.routing)
    return SiteCheck(site, (), (*told(warnings_of(site, data, variables)), *tables.remarks))


def default_site() -> Site:
    """A site without cameras: cases go to the spool in ./kerbwatch-data."""
    return Site(
        name="kerbwatch",
        division=None,
        tz=ZoneInfo("Asia/Shanghai"),
        codes=edition(EDITIONS[0]),
        cameras=(),
        reporting=Reporting(data=Path(_DATA).absolute()),
        privacy=Privacy(),
    )


class _NotTomlError(Exception):
    """The text is not TOML; `line` is where that showed."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def _parse(raw: bytes) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """The tables of a TOML file, and the line of each key."""
    try:
        # Notepad begins files with a byte order mark, which TOML does not allow.
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _NotTomlError("not UTF-8 text; save the file as UTF-8", line) from None
    try:
        return tomllib.loads(text), locate(text)
    except RecursionError:
        raise _NotTomlError("not TOML: too many brackets within brackets", 1) from None
    except ValueError as error:
        # Not only TOMLDecodeError: a number of 5000 digits is a plain ValueError.
        place = _TOML_PLACE.search(str(error))
        message = _TOML_PLACE.sub("", str(error)) if place else "a value cannot be read"
        line = int(place[1]) if place and place[1] else text.count("\n") + 1 if place else 1
        raise _NotTomlError(f"not TOML: {message}", line) from None


def _codes(data: dict[str, Any]) -> CodeTable:
    """The edition that the file names; the newest where it names none that there is."""
    site = data.get("site")
    name = site.get("codes") if isinstance(site, dict) else None
    return edition(name if name in EDITIONS else EDITIONS[0])


def _places(data: dict[str, Any], folder: Path) -> Places | None:
    site = data.get("site")
    name = site.get("communities") if isinstance(site, dict) else None
    usable = isinstance(name, str) and bool(name.strip()) and name.isprintable()
    return Places.load(folder / str(name)) if usable else None
