"""Whether a picture that was masked once is masked as a site wants it by now."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cv.cases.case import Case
from cv.cases.database import Database
from cv.cases.outgoing import may_leave
from cv.cases.tables import AdoptedRow, CaseRow, PhotoRow
from cv.photos.record import MaskedEvidence, PhotoRecord
from cv.site import Privacy

__all__ = ["is_masked"]


def is_masked(database: Database, file: str, privacy: Privacy) -> bool:
    """Whether all is masked in a picture that has to be. A link to it lives for days, in which a
    site may come to mask more.

    Args:
        file: evidence/<case, incident or photo>/<name>, relative to the data folder.

    Raises:
        StoreError: the store cannot be read, so that nobody knows.
    """
    owner = file.split("/")[1]
    with database.read() as session:
        photo = _of_photo(session, owner, file)
        case = None if photo else _case(session, owner)
    if photo is not None:
        return photo.is_masked(privacy)
    if case is None:
        return True  # of no record: nobody made a link to it, or its record went with it
    item = next((item for item in case.evidence if item.file == file), None)
    if item is not None:
        return may_leave(item, case, privacy)
    # A scene between the first and the latest, which the document lists no more. If the site has
    # come to mask more since the first, that one is withheld, and nothing tells when this one was.
    if any(item.withheld == "not masked" for item in case.evidence):
        return False
    return privacy.is_met(heads=case.privacy.faces_masked, plates=case.privacy.plates_masked)


def _of_photo(session: Session, owner: str, file: str) -> MaskedEvidence | None:
    row = session.get(PhotoRow, owner)
    if row is None:
        return None
    images = PhotoRecord.model_validate_json(row.document).images
    return next((image.evidence for image in images if image.evidence.file == file), None)


def _case(session: Session, owner: str) -> Case | None:
    adopted = session.get(AdoptedRow, owner)
    row = session.get(CaseRow, adopted.case_id if adopted else owner)
    return Case.model_validate_json(row.document) if row else None
