"""What the classes of an export mean in kerbwatch's labels."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cv.errors import ModelError, UserError
from cv.labels import LABELS

__all__ = ["LabelMap", "label_map", "parse_labels"]

_LISTED = 8
"""More unknown classes than this are counted, not named."""


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Class name → label.

    A class that has the name of a label is that label, unless the map says otherwise.

    Attributes:
        labels: class name → label, or "" for a class to leave out.
        named: the classes that the command line names; a map file may be of many exports.
        drop_others: leave out every class that is not named and is no label.
    """

    labels: dict[str, str]
    drop_others: bool = False
    named: tuple[str, ...] = ()

    def label(self, name: str) -> str | None:
        """The label of a class; None is to be left out."""
        return self.labels.get(name, name if name in LABELS else "") or None

    def check(self, names: Collection[str], complete: Collection[str], export: Path) -> None:
        """Refuse classes that have no meaning, and options that name what is not there.

        Args:
            names: the export's classes.
            complete: labels of which every instance is boxed.

        Raises:
            UserError: names every class that has no meaning yet, or one named on the command line
                that the export does not have: a typo would teach that its things are not there.
                So would a class that is left out though the label of its name is complete, also
                if that is written otherwise (`Street Stall`).
        """
        for name in self.named:
            if name not in names:
                there = ", ".join(map(repr, sorted(names)[:_LISTED])) or "none"
                raise UserError(
                    f"{export}: no class {name!r} for --map or --drop; there are {there}"
                )
        for name in sorted(names):
            if self.label(name) is None and (label := _as_label(name)) in complete:
                raise UserError(
                    f"{export}: {name!r} is left out, so {label} is not --complete: its things "
                    "would be taught as absent"
                )
        unknown = sorted(set(names) - self.labels.keys() - set(LABELS))
        if not unknown or self.drop_others:
            return
        shown = ", ".join(repr(name) for name in unknown[:_LISTED])
        more = f" and {len(unknown) - _LISTED} more" if len(unknown) > _LISTED else ""
        raise UserError(
            f"{export}: no label for {shown}{more}; add --map {unknown[0] + '=LABEL'!r}, --drop or "
            f"--drop-others; labels are {', '.join(LABELS)}"
        )


def _as_label(name: str) -> str:
    """A class name as labels are written."""
    return "_".join(name.replace("-", " ").lower().split())


def label_map(
    pairs: Sequence[str], file: Path | None, drop: Sequence[str], *, drop_others: bool
) -> LabelMap:
    """The map that the command line gives; it wins over the file.

    Args:
        pairs: `CLASS=LABEL` each.
        file: TOML, `CLASS = "LABEL"` per line, `""` to leave a class out.

    Raises:
        UserError: a pair or a line of the file cannot be used.
    """
    given: dict[str, str] = {}
    for pair in pairs:
        # A class name may hold "=", a label never does.
        name, equals, label = pair.rpartition("=")
        if not equals or not name:
            raise UserError(f"--map {pair!r}: expected CLASS=LABEL")
        _check(label, f"--map {pair!r}")
        if given.setdefault(name, label) != label:
            raise UserError(f"--map {pair!r}: {name!r} is mapped to {given[name]} too")
    for name in drop:
        if given.setdefault(name, "") != "":
            raise UserError(f"--drop {name!r}: it is mapped to {given[name]} too")
    return LabelMap((_from_file(file) if file else {}) | given, drop_others, tuple(given))


def parse_labels(text: str, option: str) -> frozenset[str]:
    """`car, truck` → a set of labels.

    Raises:
        UserError: one is no label.
    """
    labels = [label.strip() for label in text.split(",") if label.strip()]
    _check_all(labels, option)
    return frozenset(labels)


def _from_file(file: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: {error}") from error
    for name, label in table.items():
        if not isinstance(label, str):
            raise ModelError(f'{file}: {name}: expected a label in quotes, or ""')
        if label:
            _check(label, f"{file}: {name}")
    return table


def _check_all(labels: Iterable[str], where: str) -> None:
    for label in labels:
        _check(label, where)


def _check(label: str, where: str) -> None:
    if label not in LABELS:
        raise UserError(f"{where}: {label!r} is no label; choose {', '.join(LABELS)}")
