"""GeoReport v2 in XML and JSON: one document, two forms of it (the "Spark convention").

In XML a list is an element that holds one element an item; in JSON it is an array, and a document
that is a list has no name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Literal
from xml.etree import ElementTree

from starlette.responses import Response

__all__ = ["Document", "Format", "rendered"]

Format = Literal["json", "xml"]
Document = Mapping[str, object] | Sequence[object]

_ITEMS = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "attributes": "attribute",
    "endpoints": "endpoint",
    "formats": "format",
}
"""What an item of each list is called."""
_TYPES: Mapping[Format, str] = {
    "json": "application/json; charset=utf-8",
    "xml": "text/xml; charset=utf-8",
}
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def rendered(
    name: str,
    document: Document,
    form: Format,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A document in the format that the client asked for.

    Args:
        name: of the document: `services`, `service_requests`, `errors`, ...
    """
    if form == "json":
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    else:
        content = ElementTree.tostring(
            _element(name, document), encoding="utf-8", xml_declaration=True
        )
    return Response(content, status, headers={"content-type": _TYPES[form], **(headers or {})})


def _element(name: str, value: object) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(value, Mapping):
        element.extend(_element(key, inner) for key, inner in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        element.extend(_element(_ITEMS[name], inner) for inner in value)
    else:
        element.text = _text(value)
    return element


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    # What no XML may hold would break the whole list for everybody.
    return None if value is None else _NO_XML.sub("", str(value))
