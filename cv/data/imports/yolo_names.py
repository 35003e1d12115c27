"""Class names of a YOLO export: `classes.txt`, `obj.names`, or `names:` of a data.yaml.

Of YAML only what these files hold is understood: a list or a map of names, in a block or in
brackets. So no YAML library is needed, and nothing in the file can run.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from cv.errors import ModelError

__all__ = ["NAME_FILES", "read_names"]

NAME_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")

_KEY = re.compile(r"^names\s*:[ \t]*(.*)$", re.MULTILINE)
_SCALAR = r"""'(?:[^'\n]|'')*'|"(?:[^"\\\n]|\\.)*"|[^,:\[\]{}\n]+"""
_IN_LIST = re.compile(rf"\s*({_SCALAR})\s*(?:,|$)")
_IN_MAP = re.compile(rf"\s*['\"]?(\d{{1,6}})['\"]?\s*:\s*({_SCALAR})\s*(?:,|$)")
_DASH = re.compile(r"^\s*-\s+(.+)$")
_PAIR = re.compile(r"^\s+['\"]?(\d{1,6})['\"]?\s*:\s+(.+)$")
_COMMENT = re.compile(r"(^|\s)#.*$")


def read_names(file: Path) -> dict[int, str]:
    """Class id → name.

    Raises:
        ModelError: the file cannot be read or holds no names.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text") from error
    if file.suffix not in (".yaml", ".yml"):
        lines = text.rstrip().splitlines()
        names = {number: line.strip() for number, line in enumerate(lines)}
    elif text.lstrip().startswith("{"):  # JSON is YAML
        names = _from_json(text)
    else:
        names = _from_yaml(text)
    if not names:
        raise ModelError(
            f"{file}: no class names; expected a line per class"
            if file.suffix not in (".yaml", ".yml")
            else f"{file}: names: expected a list of names, or a map of numbers to names"
        )
    return names


def _from_json(text: str) -> dict[int, str]:
    try:
        names = json.loads(text)["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _from_yaml(text: str) -> dict[int, str]:
    found = _KEY.search(text)
    if found is None:
        return {}
    inline = _COMMENT.sub("", found[1]).strip()
    if inline[:1] in ("[", "{"):
        return _from_brackets(text[found.start(1) :])
    return {} if inline else _from_block(text[found.end() :].splitlines())


def _from_brackets(text: str) -> dict[int, str]:
    """`[a, 'b, c']` or `{0: a, 1: b}`, over any number of lines."""
    opening, closing = text[0], "]" if text[0] == "[" else "}"
    inside = re.match(rf"\{opening}((?:'[^']*'|\"[^\"]*\"|[^'\"])*?)\{closing}", text)
    if inside is None:
        return {}
    body = " ".join(_COMMENT.sub("", line) for line in inside[1].splitlines()).strip()
    if opening == "[":
        return {n: _unquoted(item[1]) for n, item in enumerate(_IN_LIST.finditer(body))}
    return {int(item[1]): _unquoted(item[2]) for item in _IN_MAP.finditer(body)}


def _from_block(lines: list[str]) -> dict[int, str]:
    names: dict[int, str] = {}
    for line in lines:
        bare = _COMMENT.sub("", line).rstrip()
        if dash := _DASH.match(bare):
            names[len(names)] = _unquoted(dash[1])
        elif pair := _PAIR.match(bare):
            names[int(pair[1])] = _unquoted(pair[2])
        elif bare:
            break  # the next key
    return names


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text
