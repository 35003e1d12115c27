"""The spool: a folder of JSON and pictures, for whoever picks cases up as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from cv.cases.outgoing import Outgoing
from cv.cases.targets import Message, Receipt
from cv.errors import DeliveryError
from cv.site import Spool
from cv.whole_file import sync_folder

__all__ = ["SpoolTarget"]


class SpoolTarget:
    """Writes <folder>/<case id>/<event>.json, with the pictures beside it.

    A file is there whole or not at all, and the JSON comes last: who sees it finds its pictures.
    Writing the same message again writes the same files. On return they are on the disk.

    Args:
        folder: the spool.
        outgoing: what may leave.
    """

    name = "spool"

    def __init__(self, folder: Path, outgoing: Outgoing) -> None:
        self._folder = folder
        self._outgoing = outgoing

    @classmethod
    def of(cls, settings: Spool, outgoing: Outgoing) -> Self:
        return cls(outgoing.data / settings.folder, outgoing)

    def deliver(self, message: Message) -> Receipt:
        case, pictures = self._outgoing.with_files(message.case)
        place = self._folder / case.id
        document = case.model_dump_json(indent=2) + "\n"
        try:
            place.mkdir(parents=True, exist_ok=True)
            for name, source in pictures.items():
                _put(place / name, source.read_bytes())
            _put(place / f"{message.key.removeprefix(case.id + '.')}.json", document.encode())
            sync_folder(place)
            sync_folder(self._folder)
        except OSError as error:
            raise DeliveryError(f"{place}: {error.strerror}") from error
        return Receipt()

    def close(self) -> None:
        """Nothing stays open."""


def _put(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
