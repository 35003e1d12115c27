"""XML from strangers: no DOCTYPE, so no entities that grow or fetch; line numbers for messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from cv.errors import ModelError

__all__ = ["Element", "read_xml"]

_DEEPEST = 64
_LARGEST = 1e9
"""No coordinate is larger; keeps sums and products finite."""


@dataclass(slots=True)
class Element:
    """An element. Every method that cannot give what is asked raises ModelError with the line."""

    tag: str
    attributes: dict[str, str]
    file: Path
    line: int
    children: list[Element] = field(default_factory=list)
    content: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    def fail(self, message: str) -> ModelError:
        return ModelError(f"{self.where}: <{self.tag[:40]}>: {message}")

    def all(self, tag: str) -> Iterator[Element]:
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> Element | None:
        return next(self.all(tag), None)

    def child(self, tag: str) -> Element:
        found = self.first(tag)
        if found is None:
            raise self.fail(f"<{tag}> is missing")
        return found

    def text(self) -> str:
        return "".join(self.content).strip()

    def number(self) -> float:
        return self.parsed(self.text(), "its content")

    def attribute(self, name: str) -> str:
        if name not in self.attributes:
            raise self.fail(f"{name} is missing")
        return self.attributes[name]

    def attribute_number(self, name: str, default: float | None = None) -> float:
        if default is not None and name not in self.attributes:
            return default
        return self.parsed(self.attribute(name), name)

    def parsed(self, text: str, what: str) -> float:
        """A piece of text as a finite number; `what` names it in the message."""
        try:
            value = float(text)
        except ValueError:
            raise self.fail(f"{what} must be a number, not {text[:40]!r}") from None
        if not abs(value) <= _LARGEST:  # not a number is not smaller than anything
            raise self.fail(f"{what} must be a number of ordinary size")
        return value


class _Builder:
    """Takes expat's calls and keeps the elements that are open."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._open: list[Element] = []
        self.root: Element | None = None

    def parse(self, data: bytes) -> None:
        self._parser.Parse(data, True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, self._file, self._parser.CurrentLineNumber)
        if len(self._open) >= _DEEPEST:
            raise element.fail("nested too deeply")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _data(self, text: str) -> None:
        self._open[-1].content.append(text)

    def _doctype(self, *_: object) -> None:
        raise ModelError(
            f"{self._file}:{self._parser.CurrentLineNumber}: "
            "has a DOCTYPE, which no export needs; remove that line"
        )


def read_xml(file: Path) -> Element:
    """The root element of an XML file.

    Raises:
        ModelError: it cannot be read, is not XML, has a DOCTYPE or is nested too deeply.
    """
    builder = _Builder(file)
    try:
        builder.parse(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    except expat.ExpatError as error:
        message = expat.ErrorString(error.code)
        raise ModelError(f"{file}:{error.lineno}: not XML: {message}") from error
    except (ValueError, LookupError) as error:  # encodings that Python knows and expat does not
        raise ModelError(f"{file}: not XML: {error}") from error
    if builder.root is None:
        raise ModelError(f"{file}: not XML: no element")
    return builder.root
