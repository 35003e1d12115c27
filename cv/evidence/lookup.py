"""Which original a person means who names a picture of a case or of a citizen's report."""

from __future__ import annotations

from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.tables import AdoptedRow, CaseRow, PhotoRow
from cv.errors import UserError
from cv.evidence.originals import Originals, frame_file, photo_file, plain_name
from cv.photos.record import PhotoRecord

__all__ = ["find_original"]


def find_original(database: Database, originals: Originals, owner: str, picture: str) -> str | None:
    """The file of an original, relative to the data folder; None if it is gone.

    Args:
        owner: id of a case, of an incident that a case goes on with, or of a citizen's photo
            report (`ph-...`).
        picture: of a case the part of its evidence's id after the slash (`scene`, `before`,
            `scene-20260314T080000Z`), of a report the number of the picture, from 1.

    Raises:
        UserError: there is no such case, report or picture.
    """
    with database.read() as session:
        adopted = session.get(AdoptedRow, owner)
        case = session.get(CaseRow, adopted.case_id if adopted else owner)
        photo = session.get(PhotoRow, owner)
        # The case that a report opened has the report's id; photos are numbered, frames are not.
        if photo is not None and (case is None or picture.isdigit()):
            return _of_photo(PhotoRecord.model_validate_json(photo.document), picture, originals)
        if case is not None:
            return _of_case(Case.model_validate_json(case.document), picture, originals)
    raise UserError(f"{owner[:80]}: no such case or photo")


def _of_case(case: Case, picture: str, originals: Originals) -> str | None:
    item = next((item for item in case.evidence if item.id == f"{case.id}/{picture}"), None)
    if item is None:
        known = ", ".join(item.id for item in case.evidence) or "none"
        raise UserError(f"{case.id}: no picture {picture[:40]!r}; it has {known}")
    if not item.masked and item.file:  # then the item names its original
        return originals.find(plain_name(item.file))
    if item.role == "report":
        return None  # its record is deleted, and with it the original
    if item.taken is None:
        raise UserError(f"{item.id}: filed before it was kept when its frame was taken")
    return originals.find(frame_file("originals", case.source.channel_id, item.taken))


def _of_photo(record: PhotoRecord, picture: str, originals: Originals) -> str | None:
    numbers = [str(number) for number, _ in enumerate(record.images, 1)]
    if picture not in numbers:
        raise UserError(f"{record.id}: no picture {picture[:40]!r}; it has {', '.join(numbers)}")
    image = record.images[int(picture) - 1]
    name = f"{record.id}-{picture}-{image.sha256[:12]}"
    return originals.find(photo_file(name, image.mime))
