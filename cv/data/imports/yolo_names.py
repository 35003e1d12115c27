"""Class names of a YOLO export: `classes.txt`, `obj.names`, or `names:` of a data.yaml."""

from __future__ import annotations

from pathlib import Path

import yaml

from cv.errors import ModelError

__all__ = ["NAME_FILES", "read_names"]

NAME_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")


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
        names = {number: line.strip() for number, line in enumerate(text.rstrip().splitlines())}
        expected = "no class names; expected a line per class"
    else:
        names = _from_yaml(text)
        expected = "names: expected a list of names, or a map of numbers to names"
    if not names:
        raise ModelError(f"{file}: {expected}")
    return names


def _from_yaml(text: str) -> dict[int, str]:
    try:
        # Safer than safe: text, lists and maps alone; `no` is no false.
        names = yaml.load(text, yaml.BaseLoader)["names"]  # noqa: S506
        pairs = dict(names.items() if isinstance(names, dict) else enumerate(names))
        if isinstance(names, str) or not all(isinstance(name, str) for name in pairs.values()):
            return {}
        return {int(number): name for number, name in pairs.items()}
    except (yaml.YAMLError, ValueError, KeyError, TypeError, RecursionError):
        return {}
