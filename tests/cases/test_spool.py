"""The spool: whole files, pictures first, nothing unmasked."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cv.cases.case import Case
from cv.cases.outgoing import Outgoing
from cv.cases.targets import Message, build_targets
from cv.cases.targets.spool import SpoolTarget
from cv.errors import DeliveryError
from cv.site import Privacy, Site, Spool
from tests.cases.filings import case_of, incident, picture


def message(case: Case) -> Message:
    return Message(case.key, case.state, case)


def spool_of(site: Site) -> SpoolTarget:
    reporting = site.reporting
    outgoing = Outgoing(reporting.data, site.privacy)
    return SpoolTarget(reporting.data / reporting.spool.folder, outgoing)


def folder_of(site: Site) -> Path:
    return site.reporting.data / "spool" / incident().id


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_case_lies_in_its_folder_with_its_pictures(site: Site) -> None:
    items = (picture(site), picture(site, role="before", content=b"earlier"))
    spool_of(site).deliver(message(case_of(site, evidence=items)))
    folder = folder_of(site)
    assert names(folder) == ["before.jpg", "new.json", "scene.jpg"]
    assert (folder / "before.jpg").read_bytes() == b"earlier"
    document = json.loads((folder / "new.json").read_text(encoding="utf-8"))
    assert document["matter"]["name_zh"] == "机动车乱停放"
    assert [(e["file"], e["url"], e["withheld"]) for e in document["evidence"]] == [
        ("scene.jpg", None, None),
        ("before.jpg", None, None),
    ]
    assert Case.model_validate(document).id == incident().id


def test_every_change_is_a_file_of_its_own(site: Site) -> None:
    for event in ("new", "updated", "cleared"):
        spool_of(site).deliver(message(case_of(site, event=event)))
    assert names(folder_of(site)) == [
        "cleared.json",
        "new.json",
        "updated.20260314T073500000Z.json",
    ]


def test_the_same_message_again_gives_the_same_files(site: Site) -> None:
    case = case_of(site, evidence=(picture(site),))
    spool_of(site).deliver(message(case))
    before = {path.name: path.read_bytes() for path in folder_of(site).iterdir()}
    spool_of(site).deliver(message(case))
    assert {path.name: path.read_bytes() for path in folder_of(site).iterdir()} == before


def test_what_could_not_be_masked_stays_and_the_json_says_so(site: Site) -> None:
    items = (picture(site), picture(site, role="crop", masked=False, content=b"a face"))
    spool_of(site).deliver(message(case_of(site, evidence=items)))
    assert names(folder_of(site)) == ["new.json", "scene.jpg"]
    text = (folder_of(site) / "new.json").read_text()
    withheld = json.loads(text)["evidence"][1]
    assert (withheld["masked"], withheld["withheld"]) == (False, "not masked")
    assert withheld["file"] is None
    assert "originals/" not in text, "nor does it say where the original lies"


def test_a_site_that_wants_nothing_masked_sends_everything(site: Site) -> None:
    site = replace(site, privacy=Privacy(heads=False, plates=False))
    item = picture(site, masked=False)
    spool_of(site).deliver(message(case_of(site, evidence=(item,))))
    assert names(folder_of(site)) == ["new.json", "scene.jpg"]


def test_an_encrypted_original_is_never_sent(site: Site) -> None:
    site = replace(site, privacy=Privacy(heads=False, plates=False))
    item = picture(site, masked=False)
    assert item.file is not None
    path = site.reporting.data / item.file
    path.rename(f"{path}.enc")
    case = case_of(site, evidence=(item.model_copy(update={"file": f"{item.file}.enc"}),))
    spool_of(site).deliver(message(case))
    assert names(folder_of(site)) == ["new.json"]


def test_pictures_of_before_plates_were_to_be_masked_stay(site: Site) -> None:
    laxer = replace(site, privacy=Privacy(heads=True, plates=False))
    case = case_of(laxer, evidence=(picture(site),))
    spool_of(site).deliver(message(case))
    assert names(folder_of(site)) == ["new.json"]


def test_a_picture_that_is_gone_does_not_hold_back_the_case(site: Site) -> None:
    item = picture(site)
    assert item.file is not None
    (site.reporting.data / item.file).unlink()
    spool_of(site).deliver(message(case_of(site, evidence=(item,))))
    document = json.loads((folder_of(site) / "new.json").read_text())
    assert document["evidence"][0]["withheld"] == "missing"


def test_a_reader_never_sees_half_a_file_nor_a_json_before_its_pictures(site: Site) -> None:
    case = case_of(site, evidence=(picture(site, content=b"x" * 3_000_000),))
    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            for path in folder_of(site).parent.glob("*/[!.]*.json"):
                size = (path.parent / "scene.jpg").stat().st_size
                seen.append((size, json.loads(path.read_text())["id"]))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        spool_of(site).deliver(message(case))
    stop.set()
    reader.join()
    assert set(seen) <= {(3_000_000, case.id)}


def test_a_spool_that_cannot_be_written_is_a_failed_delivery(site: Site, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file, not a folder")
    blocked = replace(site, reporting=replace(site.reporting, spool=Spool(tmp_path / "spool")))
    with pytest.raises(DeliveryError, match=r"Not a directory|File exists"):
        spool_of(blocked).deliver(message(case_of(site)))


def test_a_share_that_cannot_be_asked_for_names_on_its_disk_takes_cases_all_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network shares cannot, and pictures and JSON lie there whole."""
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(descriptor)

    monkeypatch.setattr("os.fsync", only_files)
    spool_of(site).deliver(message(case_of(site, evidence=(picture(site),))))
    assert names(folder_of(site)) == ["new.json", "scene.jpg"]


def test_the_site_file_chooses_the_folder(site: Site, tmp_path: Path) -> None:
    (relative,) = build_targets(site)
    elsewhere = replace(site.reporting, spool=Spool(tmp_path / "elsewhere"))
    (absolute,) = build_targets(replace(site, reporting=elsewhere))
    for target in (relative, absolute):
        target.deliver(message(case_of(site)))
        target.close()
    assert (folder_of(site) / "new.json").exists()
    assert (tmp_path / "elsewhere" / incident().id / "new.json").exists()
