"""Results of an archive in one growing file, which is also the memory of what is done.

JSON lines, appended and never changed: a head that names the model, then a line per photo, and one
at the begin and end of each recording. Whatever was being written when a run was killed is a torn
last line, which the next run cuts off. Of several lines about one file the last one counts.
"""

from __future__ import annotations

import json
import os
import stat
from array import array
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from cv.detect.detector import ModelInfo
from cv.errors import KerbwatchError, SourceError
from cv.file_lock import is_ours

__all__ = ["Journal", "file_mark"]

_BEGIN = b'{"kerbwatch_results": 1, '
_NAMES = ("photo", "recording")
_MARK = (*_NAMES, "bytes", "modified", "settings", "state", "failure")
"""What tells whether a line is about the same file, looked at in the same way and well."""

Mark = dict[str, Any]
Hashes = npt.NDArray[np.uint64]


def file_mark(path: Path) -> Mark:
    """Size and time of modification: what tells whether a file is still the same.

    Raises:
        SourceError: there is no such file any more.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    seconds, rest = divmod(status.st_mtime_ns, 10**9)
    modified = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return {"bytes": status.st_size, "modified": modified.isoformat(timespec="microseconds")}


class Journal:
    """The file, opened to be added to; a context manager.

    What is done is kept as 16 bytes a line, so a hundred thousand photos are 1.6 MB.

    Args:
        model: results of another one do not count as done.

    Raises:
        SourceError: it cannot be read or written, is something else, or another run writes to it.
    """

    def __init__(self, path: Path, model: ModelInfo) -> None:
        self.path = path
        self._model = model.sha256
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise SourceError(f"{path}: is no plain file")
            self._lock()
            head, self._names, self._marks = self._read()
        except BaseException:
            os.close(self._file)
            raise
        stated = {"name": model.name, "version": model.version, "sha256": model.sha256}
        thresholds = dict(model.thresholds)
        new = {"kerbwatch_results": 1, "model": stated, "thresholds": thresholds}
        if head != new:
            self.add(new)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def holds(self, mark: Mapping[str, Any]) -> bool:
        """Whether the last line about this file, as read when the journal was opened, is this."""
        name, looked_for = _name_hash(mark), self._mark_hash(self._model, mark)
        last = int(np.searchsorted(self._names, np.uint64(name), side="right")) - 1
        return last >= 0 and int(self._names[last]) == name and int(self._marks[last]) == looked_for

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a line; it survives whatever happens to this process from then on.

        Raises:
            KerbwatchError: the disk is full, or gone; nothing of the line is left.
        """
        # A file name that is no UTF-8 comes as lone surrogates; their escapes are JSON's own.
        text = json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            self._append(text)
        except OSError as error:
            raise KerbwatchError(f"{self.path}: {error.strerror}") from error

    def _append(self, text: bytes) -> None:
        """All of it or nothing, where the disk still allows that."""
        whole = os.fstat(self._file).st_size
        try:
            while text:
                text = text[os.write(self._file, text) :]
        except OSError:
            with suppress(OSError):  # else the next line would go on where this one is torn
                os.ftruncate(self._file, whole)
            raise

    def _lock(self) -> None:
        if not is_ours(self._file):
            raise SourceError(f"{self.path}: another run is writing to it")

    def _read(self) -> tuple[Any, Hashes, Hashes]:
        """The last head, and the hashes of what lines are about, sorted by name, then by place."""
        names, marks = array("Q"), array("Q")
        head: Any = None
        whole = 0
        with os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(0)
            begin = lines.read(len(_BEGIN))
            if begin != _BEGIN[: len(begin)]:
                raise SourceError(f"{self.path}: exists and is not a file of results")
            lines.seek(0)
            for text in lines:
                if not text.endswith(b"\n"):
                    break
                whole += len(text)
                line = _parsed(text)
                if "kerbwatch_results" in line:
                    head = line
                elif any(name in line for name in _NAMES):
                    names.append(_name_hash(line))
                    marks.append(self._mark_hash(_model_of(head), line))
        os.ftruncate(self._file, whole)
        by_name = np.frombuffer(names, np.uint64)
        order = np.argsort(by_name, kind="stable")
        return head, by_name[order], np.frombuffer(marks, np.uint64)[order]

    @staticmethod
    def _mark_hash(model: str, line: Mapping[str, Any]) -> int:
        return _hash(json.dumps([model, *(line.get(key) for key in _MARK)]))


def _name_hash(line: Mapping[str, Any]) -> int:
    return _hash(json.dumps([line.get(key) for key in _NAMES]))


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _model_of(head: Any) -> str:
    try:
        return str(head["model"]["sha256"])
    except (TypeError, KeyError):
        return ""


def _parsed(text: bytes) -> dict[str, Any]:
    """A line's object; empty for what is none."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
