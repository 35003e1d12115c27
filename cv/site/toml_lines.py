"""On which line of a TOML text a key stands. tomllib reads values but keeps no positions."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

__all__ = ["KeyPath", "line_of", "locate"]

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top, such as ("cameras", 0, "zones", 1, "kind")."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_REST_OF_LINE = re.compile(r"[^\n]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


def locate(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, of every table, key and list element.

    Args:
        text: TOML that tomllib has read without complaint; nothing is checked again here.
    """
    return _Walk(text).lines


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of a path, else of the innermost table around it, else 1."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Walk:
    """Goes through the text once; `at` is the position reached."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[KeyPath, int] = {}
        self.lengths: dict[KeyPath, int] = {}
        table: KeyPath = ()
        self.skip(_BLANK)
        while self.at < len(text):
            if text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_REST_OF_LINE)
            self.skip(_BLANK)

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if not match:
            raise ValueError(f"not TOML at character {self.at}")
        self.at = match.end()
        return match[0]

    def next_is(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def mark(self, path: KeyPath) -> None:
        """Note the present line for a path and for what is around it, once each."""
        line = bisect_left(self.ends, self.at) + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def header(self) -> KeyPath:
        """`[table]` or `[[list of tables]]`: the path that the following pairs belong to."""
        start = self.at
        brackets = 2 if self.next_is("[[") else 1
        self.at += brackets
        *outer, last = self.key()
        self.at, after = start, self.at
        path: KeyPath = ()
        for part in outer:
            path = self.newest((*path, part))
        path = (*path, last)
        if brackets == 2:
            self.lengths[path] = self.lengths.get(path, 0) + 1
            path = self.newest(path)
        self.mark(path)
        self.at = after + brackets
        return path

    def newest(self, path: KeyPath) -> KeyPath:
        """The last table of a list of tables; any other path as it is."""
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def pair(self, table: KeyPath) -> None:
        """`key = value`, where the key may be dotted."""
        start = self.at
        path = (*table, *self.key())
        self.at, after = start, self.at
        self.mark(path)
        self.at = after + 1
        self.skip(_SPACE)
        self.value(path)

    def key(self) -> list[str]:
        """`a."b c".d`, up to what follows it."""
        parts = []
        while True:
            self.skip(_SPACE)
            if self.text[self.at] in "\"'":
                parts.append(tomllib.loads(f"key = {self.skip(_STRING)}")["key"])
            else:
                parts.append(self.skip(_BARE_KEY))
            self.skip(_SPACE)
            if not self.next_is("."):
                return parts
            self.at += 1

    def value(self, path: KeyPath) -> None:
        self.mark(path)
        if self.next_is("["):
            self.sequence(path)
        elif self.next_is("{"):
            self.inline_table(path)
        elif self.text[self.at] in "\"'":
            self.skip(_STRING)
        else:
            self.skip(_SCALAR)

    def sequence(self, path: KeyPath) -> None:
        self.at += 1
        self.skip(_BLANK)
        index = 0
        while not self.next_is("]"):
            self.value((*path, index))
            index += 1
            self.separator()
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self.skip(_BLANK)
        while not self.next_is("}"):
            self.pair(path)
            self.separator()
        self.at += 1

    def separator(self) -> None:
        self.skip(_BLANK)
        if self.next_is(","):
            self.at += 1
            self.skip(_BLANK)
