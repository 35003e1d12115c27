"""`kerbwatch data import`: from an export to a source folder."""

from __future__ import annotations

from pathlib import Path

from cv.data.imports.detect_format import READERS, detect_format
from cv.data.imports.formats import Format
from cv.data.imports.grouping import GroupBy
from cv.data.imports.mapping import LabelMap
from cv.data.imports.writing import Taken, write_source
from cv.errors import UserError

__all__ = ["import_source"]


def import_source(
    export: Path,
    images: Path | None,
    to: Path,
    *,
    labels: LabelMap,
    complete: frozenset[str] = frozenset(),
    group_by: GroupBy = GroupBy.FOLDER,
    form: Format = Format.AUTO,
) -> Taken:
    """Read an export and write a source folder of it, whole or not at all.

    Args:
        export: a file or folder.
        images: folder of the photos; None is the export's own.
        to: the folder to write; its name becomes the source's.
        complete: labels of which every instance in every photo is boxed.
        form: `Format.AUTO` to find out.

    Raises:
        ModelError: a file of the export or a photo cannot be used.
        UserError: `to` exists, or a class has no label.
    """
    if to.exists():
        raise UserError(f"{to} exists; name a new folder")
    images = images or (export.parent if export.is_file() else export)
    for path in (export, images):
        if not path.exists():
            raise UserError(f"{path}: does not exist")
    if form is Format.AUTO:
        form = detect_format(export)
    found = list(READERS[form](export, images))
    names = {name for item in found for name in item.names}
    labels.check(names, complete, export)
    return write_source(found, to, labels=labels, complete=complete, group_by=group_by)
