"""The store's tables, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    and_,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from cv.likeness import PIECES

__all__ = [
    "AdoptedRow",
    "AnyText",
    "CaseRow",
    "DeliveryRow",
    "EvidenceLogRow",
    "KeyRow",
    "PhotoImageRow",
    "PhotoRow",
    "RequestRow",
    "StateRow",
    "Tables",
    "TargetRow",
    "UtcDateTime",
    "phash_piece",
]


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, plain UTC in the database: SQLite has no time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class AnyText(TypeDecorator[str]):
    """Text as it comes. What PostgreSQL cannot store (NUL) and UTF-8 cannot say (half a surrogate
    pair, from somebody's JSON) is replaced, in what is stored and in what is looked for.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()


class Tables(DeclarativeBase):
    type_annotation_map = {datetime: UtcDateTime, str: AnyText}  # noqa: RUF012 - SQLAlchemy's way


class CaseRow(Tables):
    """A case as last filed; `number` is the receiver's, `document` the whole case as JSON.

    `closed_at`: when the city, or a person, was done with it. `review` is the state of its review,
    `camera` the document's `channel_id`. `zone` is empty, and the box 0, where no camera saw it.
    """

    __tablename__ = "cases"

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str | None]
    state: Mapped[str]
    matter: Mapped[str]
    camera: Mapped[str]
    zone: Mapped[str]
    x1: Mapped[float]
    y1: Mapped[float]
    x2: Mapped[float]
    y2: Mapped[float]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    filed_at: Mapped[datetime]
    document: Mapped[str]
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    closed_at: Mapped[datetime | None]
    code5: Mapped[str | None]
    review: Mapped[str | None]

    __table_args__ = (
        Index("ix_cases_first_seen", "first_seen", "id"),
        Index("ix_cases_filed_at", "filed_at"),
        Index("ix_cases_point", "lat", "lon"),
        Index("ix_cases_review", "review", "first_seen", "id"),
        Index("ix_cases_place", "camera", "zone", "matter", "last_seen"),
    )

    @hybrid_property
    def is_open(self) -> bool:
        """Whether it is neither cleared nor closed; of the class, the condition for a query."""
        return self.state != "cleared" and self.closed_at is None

    @is_open.inplace.expression
    @classmethod
    def _is_open(cls) -> ColumnElement[bool]:
        return and_(cls.state != "cleared", cls.closed_at.is_(None))


class AdoptedRow(Tables):
    """A camera's incident, and the case that goes on with it, since it was filed while the camera
    was about to open one of its own: a citizen's, or that of another watch of the same camera. Its
    pictures lie under the incident's id.
    """

    __tablename__ = "adopted_incidents"

    id: Mapped[str] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))


class DeliveryRow(Tables):
    """One message to one target.

    `key` identifies the message for ever. States: pending → delivered | dead | superseded. A lease
    is held by one deliverer at a time; its token fences off one that was presumed dead. `number` is
    what the target called the case; `tried_at` is when a deliverer first had it: before that, it
    certainly has not left.
    """

    __tablename__ = "outbox"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    key: Mapped[str]
    target: Mapped[str]
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    event: Mapped[str]
    body: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    filed_at: Mapped[datetime]
    next_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[str | None]
    last_error: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    number: Mapped[str | None]
    tried_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("key", "target"),
        Index("ix_outbox_due", "state", "next_at"),
        Index("ix_outbox_case", "case_id", "target", "seq"),
        # All that `Deliveries.lanes` reads: the rows are long, and never go.
        Index("ix_outbox_standing", "target", "state", "filed_at"),
    )


class StateRow(Tables):
    """What a camera's watch knows, per line of time (live, recording)."""

    __tablename__ = "watch_state"

    camera: Mapped[str] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    saved_at: Mapped[datetime]


class TargetRow(Tables):
    """A target that said it wants nothing any more (HTTP 410), until a retry is asked for."""

    __tablename__ = "targets_off"

    target: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    since: Mapped[datetime]


class KeyRow(Tables):
    """A key of the photo service; `hash` is argon2's, of the part that is secret."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    hash: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class EvidenceLogRow(Tables):
    """One entry of the evidence log: `entry` is its JSON, `hash` the SHA-256 of that."""

    __tablename__ = "evidence_log"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    what: Mapped[str]
    entry: Mapped[str]
    hash: Mapped[str]

    __table_args__ = (Index("ix_evidence_log_at", "at"), Index("ix_evidence_log_what", "what"))


class PhotoRow(Tables):
    """A citizen's report: `document` is the answer as JSON, `content` a digest of what was sent.

    `taken_at` is when it was received, where nobody says when it was taken. `case_id` is the case
    that it opened or joined. `sender` is the id of the key that it came with; none if it needed
    none, or came before that was kept.
    """

    __tablename__ = "photos"

    id: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[str]
    received_at: Mapped[datetime]
    taken_at: Mapped[datetime]
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    report: Mapped[bool]
    document: Mapped[str]
    case_id: Mapped[str | None]
    sender: Mapped[str | None]

    __table_args__ = (
        Index("ix_photos_case_id", "case_id"),
        Index("ix_photos_point", "lat", "lon"),
        Index("ix_photos_received_at", "received_at"),
    )


def phash_piece(first: int, length: int) -> str:
    """A piece of `PhotoImageRow.phash` in SQL: an index serves only what is written like it."""
    return f"substr(phash, {first}, {length})"


class PhotoImageRow(Tables):
    """One picture of a report; `phash` is 64 bits in hexadecimal."""

    __tablename__ = "photo_images"

    photo_id: Mapped[str] = mapped_column(ForeignKey("photos.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    phash: Mapped[str]

    # Of the pieces by which `PhotoStore.alike` looks for a hash that is nearly this one.
    __table_args__ = tuple(
        Index(f"ix_photo_images_phash_{first}", text(phash_piece(first, length)))
        for first, length in PIECES
    )


class RequestRow(Tables):
    """What an Open311 client posted: `content` is a digest of it, empty once its words are deleted;
    `case_id` what became of it.

    `contact` is what the citizen said of themselves, as JSON; it is nobody's but the desk's, and
    goes when the originals of pictures go.
    """

    __tablename__ = "service_requests"

    id: Mapped[str] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"))
    client: Mapped[str]
    content: Mapped[str]
    code5: Mapped[str]
    received_at: Mapped[datetime]
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    address: Mapped[str | None]
    description: Mapped[str | None]
    media_url: Mapped[str | None]
    contact: Mapped[str | None]

    __table_args__ = (
        Index("ix_service_requests_received_at", "received_at"),
        Index("ix_service_requests_case_id", "case_id"),
    )
