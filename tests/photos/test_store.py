"""Citizens' photos in the database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from cv.cases.store import CaseStore
from cv.labels import Matter
from cv.likeness import NEAR
from cv.photos.record import PhotoRecord
from cv.photos.store import PhotoStore
from cv.site import Site
from tests.cases.filings import site_in

pytestmark = pytest.mark.both_databases

NOON = datetime(2026, 3, 14, 4, tzinfo=UTC)
STREET = (112.25, 30.31, 112.26, 30.32)
A_REPORT = PhotoRecord.model_validate_json(
    (Path(__file__).parents[1] / "cases/documents/photo.json").read_text(encoding="utf-8")
)


def report(
    number: int = 0,
    *,
    hours: float = 0,
    pictures: int = 1,
    placed: bool = True,
    matter: Matter | None = None,
) -> PhotoRecord:
    image = A_REPORT.images[0].model_copy(update={"phash": f"{number:016x}"})
    return A_REPORT.model_copy(
        update={
            "id": f"ph-{number}",
            "received_at": NOON + timedelta(hours=hours),
            "images": (image,) * pictures,
            "description": "占道 stall \0",
            "location": A_REPORT.location if placed else None,
            "category": matter,
            "report": matter is not None,
        }
    )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path / "data")


@pytest.fixture
def photos(store: CaseStore) -> PhotoStore:
    return PhotoStore(store.database)


def test_a_report_comes_back_as_it_was_stored(photos: PhotoStore, site: Site) -> None:
    record = report(pictures=3)
    assert photos.add(record, "digest", site).record == record
    stored = photos.get(record.id)
    assert stored is not None
    assert (stored.record, stored.content) == (record, "digest")
    for unknown in ("ph-1", "PH-0", "\0", "\ud800"):
        assert photos.get(unknown) is None


def test_of_the_same_report_twice_at_once_the_first_is_the_answer_to_both(
    store_place: Path | str, site: Site
) -> None:
    stores = [CaseStore(store_place) for _ in range(4)]
    together = threading.Barrier(len(stores))

    def send(sender: int) -> list[str]:
        desk = PhotoStore(stores[sender].database)
        answers = []
        for number in range(8):
            together.wait(timeout=30)
            answers.append(desk.add(report(number, pictures=2), f"from {sender}", site).content)
        return answers

    with ThreadPoolExecutor(len(stores)) as pool:
        answers = list(pool.map(send, range(len(stores))))
    assert all(answer == answers[0] for answer in answers)
    kept = PhotoStore(stores[0].database).alike(["0" * 16], NOON - timedelta(days=1))
    assert len(kept) == 8 * 2
    for store in stores:
        store.close()


def test_reports_are_found_by_place_time_and_likeness(photos: PhotoStore, site: Site) -> None:
    for record in (report(1), report(2, hours=2), report(3, placed=False)):
        photos.add(record, "digest", site)
    hour = timedelta(hours=1)
    assert [r.id for r in photos.near(STREET, NOON - hour, NOON + hour)] == ["ph-1"]
    assert [r.id for r in photos.near(STREET, NOON, NOON + 2 * hour)] == ["ph-2", "ph-1"]
    assert photos.near((0, 0, 1, 1), NOON - hour, NOON + 2 * hour) == []
    assert photos.alike(["0" * 16], NOON + hour) == [("ph-2", 2)]


def test_every_picture_that_looks_the_same_is_found_and_few_others(
    photos: PhotoStore, site: Site
) -> None:
    """Whichever bits differ: at random, and one in each piece but one."""
    rng = Random(5)
    mine = rng.getrandbits(64)
    pieces = ((0, 12), (12, 24), (24, 36), (36, 48), (48, 64))
    flips = [rng.sample(range(64), NEAR) for _ in range(60)]
    flips += [[rng.randrange(*piece) for piece in pieces if piece != same] for same in pieces]
    alike = {mine ^ sum(1 << bit for bit in bits) for bits in flips}
    others = {rng.getrandbits(64) for _ in range(200)}
    for number in alike | others:
        photos.add(report(number), "digest", site)
    found = {phash for _, phash in photos.alike([f"{mine:016x}"], NOON - timedelta(days=1))}
    assert alike <= found
    assert len(found - alike) < 10


def test_of_reports_about_one_thing_at_once_one_opens_the_case(
    store_place: Path | str, site: Site
) -> None:
    stores = [CaseStore(store_place) for _ in range(4)]
    together = threading.Barrier(len(stores))

    def send(sender: int) -> list[str | None]:
        desk, opened = PhotoStore(stores[sender].database), []
        for day in range(6):
            record = report(10 * day + sender, hours=24 * day, matter=Matter.EXPOSED_GARBAGE)
            together.wait(timeout=30)
            case = desk.add(record, "digest", site).case
            opened.append(case.id if case else None)
        return opened

    with ThreadPoolExecutor(len(stores)) as pool:
        opened = list(pool.map(send, range(len(stores))))
    assert all(cases == opened[0] for cases in opened)
    assert {stored.case.id for stored in stores[0].cases(limit=99)} == set(opened[0])
    for store in stores:
        store.close()
