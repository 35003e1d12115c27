"""The spool: a folder of JSON and pictures, for whoever picks cases up as files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cv.cases.case import Case, EvidenceItem
from cv.cases.targets import Message, Receipt
from cv.errors import DeliveryError

__all__ = ["SpoolTarget"]


class SpoolTarget:
    """Writes <folder>/<case id>/<event>.json, with the pictures beside it.

    A file is there whole or not at all, and the JSON comes last: who sees it finds its pictures.
    Writing the same message again writes the same files.

    Args:
        data: the folder that evidence files are relative to.
        folder: the spool; relative to `data`, unless absolute.
    """

    name = "spool"

    def __init__(self, data: Path, folder: Path) -> None:
        self._data = data
        self._folder = data / folder

    def deliver(self, message: Message) -> Receipt:
        place = self._folder / message.case.id
        name = message.key.removeprefix(f"{message.case.id}.")
        try:
            place.mkdir(parents=True, exist_ok=True)
            for item in message.case.evidence:
                if item.masked:
                    self._copy(item, place)
            document = _with_files(message.case).model_dump_json(indent=2)
            _replace(place / f"{name}.json", document.encode())
        except OSError as error:
            raise DeliveryError(f"{place}: {error.strerror}") from error
        return Receipt()

    def close(self) -> None:
        """Nothing stays open."""

    def _copy(self, item: EvidenceItem, place: Path) -> None:
        target = place / Path(item.file).name
        source = self._data / item.file
        if target.exists():
            return
        if not source.exists():
            raise DeliveryError(f"{source}: the picture is gone")
        temporary = target.with_suffix(f".{os.getpid()}.tmp")
        shutil.copyfile(source, temporary)
        temporary.replace(target)


def _with_files(case: Case) -> Case:
    """Pictures by their name in the spool; of one that was not masked, no picture."""
    items = [
        item.model_copy(update={"url": Path(item.file).name if item.masked else None})
        for item in case.evidence
    ]
    return case.model_copy(update={"evidence": items})


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
