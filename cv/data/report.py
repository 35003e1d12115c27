"""The result of a check as one HTML file that needs nothing else: pictures are inside it."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from colorsys import hsv_to_rgb
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import cv2

from cv.data.check import Checked, photo_name
from cv.data.samples import Sample, read_image
from cv.data.suspicious import Suspicious
from cv.detect.drawing import RED, Colour, draw_box
from cv.errors import UserError
from cv.geometry import UNIT, Image
from cv.labels import LABELS
from cv.whole_file import write_whole

__all__ = ["check_place", "write_report"]

_SHEET = 24
"""Photos per source."""
_SHOWN = 40
"""Suspicious boxes per kind that have a picture."""
_SIDE = 320
"""Longer side of a picture, in pixels."""
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 72]
_TITLE = b"<title>Labelled photos: "
"""By this a page of ours is known; it is in the first lines of `report.html`."""
_HEAD = 1000
"""Bytes in which the title is."""


def check_place(file: Path) -> None:
    """Whether a page may be written there: over an earlier one, and over nothing else.

    Raises:
        UserError: it may not.
    """
    if file.suffix != ".html":
        raise UserError(f"{file}: must end in .html")
    try:
        with file.open("rb") as earlier:
            head = earlier.read(_HEAD)
    except OSError:  # there is none, or writing will say what is wrong
        return
    if _TITLE not in head:
        raise UserError(f"{file} exists, and is no page of kerbwatch data check; name a new file")


def write_report(checked: Checked, file: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        UserError: it cannot be written, or something else is there.
    """
    check_place(file)
    template = Template(files("cv.data").joinpath("report.html").read_text(encoding="utf-8"))
    page = template.substitute(
        data=escape(str(checked.root)),
        verdict="usable" if checked.usable else "not usable: see the files marked in red",
        labels="".join(_label_rows(checked)),
        findings="".join(_finding_rows(checked)) or "<tr><td>none</td></tr>",
        suspicious="".join(_suspicious_sections(checked.suspicious)) or "<p>none</p>",
        sheets="".join(_sheets(checked)),
    )
    try:
        write_whole(file, page.encode(errors="replace"))
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror}") from error


def _label_rows(checked: Checked) -> Iterator[str]:
    for row in checked.labels:
        sizes = "" if row.sizes is None else " / ".join(f"{size:.0f}" for size in row.sizes)
        cells = (row.label, row.boxes, f"{row.share:.1%}", row.held_out, row.photos, sizes)
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"


def _finding_rows(checked: Checked) -> Iterator[str]:
    for item in checked.findings:
        mark = ' class="bad"' if item.kind.breaks else ""
        cells = (item.kind.value, item.where, item.message)
        yield f"<tr{mark}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"


def _suspicious_sections(items: Sequence[Suspicious]) -> Iterator[str]:
    for doubt, count in Counter(item.doubt for item in items).items():
        shown = [item for item in items if item.doubt is doubt][:_SHOWN]
        figures = "".join(
            _figure(
                _picture(item.sample, item.number),
                f"{photo_name(item.sample)}: {item.label}, {item.measure}",
            )
            for item in shown
        )
        yield f"<h3>{doubt.value}: {count}, {len(shown)} shown</h3>\n<div>{figures}</div>\n"


def _sheets(checked: Checked) -> Iterator[str]:
    by_source: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in checked.samples:
        by_source[sample.source].append(sample)
    for source, samples in by_source.items():
        # Spread over the source: neighbours in the list are often neighbours in a clip.
        shown = samples[:: -(-len(samples) // _SHEET)]
        figures = "".join(
            _figure(_picture(sample), sample.image.name, _counts(sample)) for sample in shown
        )
        title = f"{escape(source)}: {len(samples)} photos, {len(shown)} shown"
        yield f"<h3>{title}</h3>\n<div>{figures}</div>\n"


def _counts(sample: Sample) -> str:
    """How many boxes of each label, in the colours of the boxes: names would hide small things."""
    counts = Counter(item.label for item in sample.boxes)
    spans = (
        f'<span style="color:rgb{_colour(label)[::-1]}">{label} {count}</span>'
        for label, count in counts.items()
    )
    return "<br>" + ", ".join(spans)


def _colour(label: str) -> Colour:
    """BGR, one for each label, dark enough to be read on white."""
    red, green, blue = hsv_to_rgb(LABELS.index(label) / len(LABELS), 0.9, 0.75)
    return round(255 * blue), round(255 * green), round(255 * red)


def _figure(picture: str, caption: str, more: str = "") -> str:
    """`caption` is text, `more` is HTML."""
    text = escape(caption)
    return (
        f'<figure><img loading="lazy" alt="{text}" src="{picture}">'
        f"<figcaption>{text}{more}</figcaption></figure>\n"
    )


def _picture(sample: Sample, number: int | None = None) -> str:
    """A small copy with all boxes, or with one in red, as a data address."""
    image = _small(read_image(sample.image))
    height, width = image.shape[:2]
    for index, item in enumerate(sample.boxes):
        box = item.box.resized(UNIT, (width, height))
        if number is None:
            draw_box(image, box, _colour(item.label))
        elif index == number:
            draw_box(image, box, RED)
    data = cv2.imencode(".jpg", image, _QUALITY)[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
