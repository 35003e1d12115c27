"""Pictures of cases in a view library, over a network that loses answers."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cv.cases.case import Case
from cv.cases.outbox import Outbox
from cv.cases.outgoing import Outgoing
from cv.cases.parts import ReportPart
from cv.cases.reported import case_from_report, code_for
from cv.cases.store import CaseStore
from cv.cases.targets import Message, Receipt, UnreachableError, build_targets
from cv.cases.targets.gat1400 import Gat1400Target
from cv.errors import DeliveryError, SiteError
from cv.labels import Matter
from cv.site import Gat1400, Site, check_site
from tests.cases.conftest import Clock, File
from tests.cases.filings import START, case_of, picture
from tests.listening import until
from tests.lossy_proxy import LossyProxy
from tests.serving import serving
from tests.viid_server import DEVICE, PASSWORD, USER, ViewLibrary, ViewLibraryServer

GB_ID = "42100200001320000001"
EVENTS = {"09009": 624}


Library = tuple[ViewLibrary, LossyProxy]
Build = Callable[..., Gat1400Target]


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[ViewLibraryServer, LossyProxy]]:
    """A server, and the network to it."""
    server = ViewLibraryServer()
    with serving(server.app()) as port:
        proxy = LossyProxy(port)
        yield server, proxy
        proxy.stop()


@pytest.fixture
def library(running: tuple[ViewLibraryServer, LossyProxy]) -> Library:
    """A new library, and a network that loses nothing yet."""
    server, proxy = running
    server.library = ViewLibrary()
    proxy.fate = lambda _method, _path: "pass"
    return server.library, proxy


@pytest.fixture
def target(site: Site, library: Library) -> Iterator[Build]:
    """Makes targets for the library, and closes them."""
    with ExitStack() as made:

        def build(password: str | None = None, **changes: Any) -> Gat1400Target:
            url = library[1].url.rstrip("/")
            settings = replace(Gat1400(url, DEVICE, EVENTS, timeout_s=10), **changes)
            outgoing = Outgoing(site.reporting.data, site.privacy)
            target = Gat1400Target(settings, password, outgoing)
            made.callback(target.close)
            return target

        yield build


def message(case: Case) -> Message:
    return Message(case.key, case.state, case)


def opened(site: Site, number: int = 0) -> Case:
    """Two pictures, as of an incident that a camera has confirmed."""
    evidence = (picture(site, number), picture(site, number, "crop", content=b"a close-up"))
    return case_of(site, number, evidence=evidence)


def images(library: ViewLibrary) -> list[dict[str, Any]]:
    return [image["ImageInfo"] for image in library.images.values()]


def test_a_case_becomes_pictures_in_the_library(
    site: Site, library: Library, target: Build
) -> None:
    here, _ = library
    case = opened(site)
    assert target().deliver(message(case)) == Receipt()
    assert here.calls == ["Register", "Images"]
    scene, crop = here.images.values()
    assert base64.b64decode(scene["Data"]) == b"a masked picture"
    assert scene["ImageInfo"] == {
        "ImageID": scene["ImageInfo"]["ImageID"],
        "InfoKind": 1,
        "ImageSource": "99",
        "EventSort": 624,
        "DeviceID": GB_ID,
        "Type": "14",
        "FileFormat": "Jpeg",
        "ShotTime": "20260314153500",
        "Title": "机动车乱停放 Motor vehicle parked against the rules: 北京路侧街东侧",
        "ContentDescription": f"09009 机动车乱停放; Case: {case.id}",
        "ShotPlaceFullAdress": "北京路侧街东侧",
        "ShotPlaceLongitude": 112.2551,
        "ShotPlaceLatitude": 30.3126,
        "Width": 640,
        "Height": 360,
        "FileSize": 16,
    }
    assert scene["ImageInfo"]["ImageID"].startswith(f"{GB_ID}0220260314153500")
    (thing,) = scene["ThingList"]["ThingObject"]
    box = [thing[name] for name in ("LeftTopX", "LeftTopY", "RightBtmX", "RightBtmY")]
    assert box == [0, 33, 27, 53], "(0, 100) to (80, 160) of 1920 x 1080, in 640 x 360"
    assert (crop["ImageInfo"]["Type"], "ThingList" in crop) == ("13", False)


def test_it_registers_once_and_signs_off_at_the_end(
    site: Site, library: Library, target: Build
) -> None:
    here, _ = library
    one = target()
    for number in range(3):
        one.deliver(message(opened(site, number)))
    one.close()
    assert here.calls == ["Register", "Images", "Images", "Images", "UnRegister"]
    assert not here.is_registered


def test_who_delivers_nothing_registers_nowhere(library: Library, target: Build) -> None:
    target().close()
    assert library[0].calls == []


def test_a_library_that_asks_who_we_are_gets_a_digest(
    site: Site, library: Library, target: Build
) -> None:
    here, _ = library
    here.with_digest = True
    target(PASSWORD, user=USER).deliver(message(opened(site)))
    assert len(here.images) == 2


@pytest.mark.parametrize("who", [(USER, "wrong-password"), (None, None)])
def test_who_cannot_say_who_they_are_is_told_so(
    site: Site,
    library: Library,
    target: Build,
    who: tuple[str | None, str | None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    here, _ = library
    here.with_digest = True
    with pytest.raises(DeliveryError, match="Register: answered 401 Unauthorized") as caught:
        target(who[1], user=who[0]).deliver(message(opened(site)))
    assert not caught.value.permanent, "a person mends it, and the case is still there"
    assert here.images == {}
    assert "wrong-password" not in caplog.text + str(caught.value)


def test_a_device_that_is_not_wanted_is_told_so_in_spite_of_the_200(
    site: Site, library: Library, target: Build
) -> None:
    library[0].refuses_devices = True
    with pytest.raises(DeliveryError, match="Register: StatusCode 1 设备未授权"):
        target().deliver(message(opened(site)))


@pytest.mark.parametrize("with_digest", [False, True])
def test_where_the_library_has_forgotten_us_we_register_anew(
    site: Site, library: Library, target: Build, with_digest: bool
) -> None:
    here, _ = library
    here.with_digest = with_digest
    one = target(PASSWORD, user=USER)
    one.deliver(message(opened(site)))
    here.forget()
    one.deliver(message(opened(site, 1)))
    assert here.calls == ["Register", "Images", "Register", "Images"]
    assert len(here.images) == 4


def test_signs_of_life_keep_a_registration_beyond_its_lapse(
    site: Site, library: Library, target: Build
) -> None:
    here, _ = library
    one = target(keepalive_s=0.1)
    one.deliver(message(opened(site)))
    for _ in range(3):
        here.skipped_s += 200
        before = here.calls.count("Keepalive")
        until(lambda: here.calls.count("Keepalive") > before)  # noqa: B023 - called at once
    one.deliver(message(opened(site, 1)))
    assert here.calls.count("Register") == 1


def test_a_library_that_restarts_has_us_again_before_the_next_case(
    site: Site, library: Library, target: Build
) -> None:
    here, _ = library
    target(keepalive_s=0.1).deliver(message(opened(site)))
    here.forget()
    until(lambda: here.is_registered)


def test_while_nobody_is_there_the_keepalive_goes_on(
    site: Site,
    library: Library,
    target: Build,
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, proxy = library
    target(keepalive_s=0.1).deliver(message(opened(site)))
    proxy.fate = lambda _method, _path: "lose answer"
    until(lambda: "no longer registered" in caplog.text)
    proxy.fate = lambda _method, _path: "pass"
    before = here.calls.count("Keepalive")
    until(lambda: here.calls.count("Keepalive") > before + 2)
    assert caplog.text.count("no longer registered") == 1


@pytest.mark.parametrize("code", [1, 2, 4, 8])
def test_a_200_that_refuses_a_picture_is_a_failure_and_the_rest_is_not_sent_twice(
    site: Site, library: Library, target: Build, code: int
) -> None:
    here, _ = library
    here.codes = [(0, "正常"), (code, "存储失败")]
    one, case = target(), opened(site)
    with pytest.raises(DeliveryError, match=rf"1 of 2 pictures .*StatusCode {code} 存储失败") as e:
        one.deliver(message(case))
    assert not e.value.permanent
    assert [info["Type"] for info in images(here)] == ["14"]
    one.deliver(message(case))
    assert [info["Type"] for info in images(here)] == ["14", "13"]
    assert here.repeats == []


@pytest.mark.parametrize("text", ["图像已存在", "ImageID already exists", "重复提交"])
def test_a_picture_that_is_there_already_is_delivered(
    site: Site, library: Library, target: Build, text: str
) -> None:
    library[0].codes = [(1, text), (1, text)]
    assert target().deliver(message(opened(site))) == Receipt()


def test_a_picture_of_which_the_answer_says_nothing_is_not_delivered(
    site: Site, library: Library, target: Build
) -> None:
    library[0].answers = 1
    with pytest.raises(DeliveryError, match=r"1 of 2 pictures refused; .*: no StatusCode"):
        target().deliver(message(opened(site)))


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (413, True), (415, True), (422, True), (404, False), (500, False), (503, False)],
)
def test_what_would_be_refused_again_is_told_apart_from_what_may_pass(
    site: Site,
    library: Library,
    target: Build,
    status: int,
    permanent: bool,
) -> None:
    library[0].http = [status]
    with pytest.raises(DeliveryError, match=f"answered {status}") as caught:
        target().deliver(message(opened(site)))
    assert caught.value.permanent == permanent


def test_another_service_is_told_from_a_library(
    site: Site, library: Library, target: Build
) -> None:
    with pytest.raises(DeliveryError, match="Register: answered 404 Not Found"):
        target(url=library[1].url + "other").deliver(message(opened(site)))


def test_nobody_listening_is_nobody_there(site: Site, target: Build) -> None:
    with pytest.raises(UnreachableError, match="Register: no answer"):
        target(url="http://127.0.0.1:9").deliver(message(opened(site)))


@pytest.mark.parametrize("lost", ["/VIID/System/Register", "/VIID/Images"])
def test_a_lost_answer_makes_no_picture_twice(
    site: Site,
    library: Library,
    target: Build,
    *,
    store: CaseStore,
    file: File,
    clock: Clock,
    lost: str,
) -> None:
    here, proxy = library
    fates = iter(["lose answer"])
    proxy.fate = lambda _m, path: next(fates, "pass") if path == lost else "pass"  # type: ignore[return-value]
    case = opened(site)
    file(case, targets=["gat1400"])
    with Outbox(store, [target()], clock=clock) as box:
        assert box.deliver_due().failed == 1
        clock.move(60)
        assert box.deliver_due().delivered == 1
    assert len(here.images) == 2
    assert set(here.repeats) <= set(here.images), "sent again, under the same ImageID"
    (delivery,) = store.deliveries(case.id)
    assert (delivery.state, delivery.number) == ("delivered", None)


def test_later_messages_send_what_is_new_only(site: Site, library: Library, target: Build) -> None:
    here, _ = library
    one, case = target(), opened(site)
    one.deliver(message(case))
    later = datetime(2026, 3, 14, 8, tzinfo=UTC)
    scene = picture(site, suffix="-20260314T080000Z", content=b"still there", taken=later)
    update = case_of(site, 0, "updated", seen_s=1800, evidence=(*case.evidence, scene))
    one.deliver(message(update))
    last = later + timedelta(minutes=10)
    after = picture(site, role="after", content=b"an empty place", taken=last)
    cleared = case_of(site, 0, "cleared", seen_s=1800, evidence=(*update.evidence, after))
    one.deliver(message(cleared))
    assert here.repeats == []
    assert [info["ShotTime"] for info in images(here)] == [
        "20260314153500",
        "20260314153500",
        "20260314160000",
        "20260314161000",
    ]
    assert "ThingList" not in list(here.images.values())[-1], "nothing stands there any more"


def test_after_a_restart_pictures_have_the_same_names(
    site: Site, library: Library, target: Build
) -> None:
    here, _ = library
    case = opened(site)
    target().deliver(message(case))
    update = case_of(site, 0, "updated", seen_s=1800, evidence=case.evidence)
    target().deliver(message(update))
    assert sorted(here.repeats) == sorted(here.images)
    assert len(here.images) == 2


def test_only_masked_pictures_leave(site: Site, library: Library, target: Build) -> None:
    here, _ = library
    evidence = (picture(site, masked=False), picture(site, role="crop"))
    target().deliver(message(case_of(site, evidence=evidence)))
    assert [info["Type"] for info in images(here)] == ["13"]
    target().deliver(message(case_of(site, 1, evidence=(picture(site, 1, masked=False),))))
    assert len(here.images) == 1


def test_a_message_whose_pictures_never_may_leave_does_not_hold_back_the_next(
    site: Site, library: Library, target: Build, store: CaseStore, file: File
) -> None:
    """The disk was full when it was opened, or nothing could be masked then."""
    here, _ = library
    stored = picture(site)
    lacking = stored.model_copy(update={"file": None, "withheld": "not stored"})
    first = case_of(site, evidence=(lacking, picture(site, role="crop", masked=False)))
    after = picture(site, role="after", content=b"an empty place", taken=START)
    with Outbox(store, [target()]) as box:
        file(first, targets=["gat1400"])
        box.deliver_due()
        file(case_of(site, event="cleared", evidence=(after,)), targets=["gat1400"])
        box.deliver_due()
    assert [d.state for d in store.deliveries(first.id)] == ["delivered", "delivered"]
    assert len(here.images) == 1


def test_a_message_all_of_whose_files_are_gone_is_a_dead_letter(
    site: Site, library: Library, target: Build
) -> None:
    """Its folder may be one that is not mounted right now."""
    item = picture(site)
    (site.reporting.data / str(item.file)).unlink()
    with pytest.raises(DeliveryError, match="no picture may leave: missing") as caught:
        target().deliver(message(case_of(site, evidence=(item,))))
    assert caught.value.permanent
    assert library[0].images == {}


def test_a_case_without_pictures_is_nothing_to_a_view_library(
    site: Site, library: Library, target: Build
) -> None:
    assert target().deliver(message(case_of(site))) == Receipt()
    assert library[0].calls == []


def test_a_citizens_picture_is_one_of_ours_and_taken_by_hand(
    site: Site, library: Library, target: Build
) -> None:
    here, _ = library
    items = [
        picture(site, role="report", suffix=str(i), taken=START).model_copy(
            update={"id": f"ph-1/{i}"}
        )
        for i in (1, 2)
    ]
    case = case_from_report(
        ReportPart(id="ph-1", captured=START, description="挡路"),
        site=site,
        matter=Matter.BLOCKED_LANE,
        code=code_for(site, Matter.BLOCKED_LANE, "bus"),
        channel="_photos",
        point=None,
        reported=START,
        evidence=items,
    )
    target().deliver(message(case))
    found = images(here)
    assert len({info["ImageID"] for info in found}) == 2
    for info in found:
        kind, device, shot = info["InfoKind"], info["DeviceID"], info["ShotTime"]
        assert (kind, device, shot, info["Type"]) == (2, DEVICE, "20260314153000", "100")


def test_cameras_without_a_number_send_under_ours_and_codes_without_event_send_none(
    site: Site, library: Library, target: Build
) -> None:
    case = opened(site)
    case = case.model_copy(update={"source": case.source.model_copy(update={"camera_gb_id": None})})
    target(events={}).deliver(message(case))
    for info in images(library[0]):
        assert (info["DeviceID"], "EventSort" in info) == (DEVICE, False)


SITE = f"""
[reporting]
targets = ["gat1400"]
[reporting.gat1400]
url = "https://viid.example/"
device = "{DEVICE}"
user = "kerbwatch"
events = {{ "09005" = 660, "04-01" = 661 }}
"""


def test_the_target_comes_from_the_site_file_and_the_environment(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    site = check_site(path).site
    assert site is not None
    assert site.reporting.gat1400 == Gat1400(
        "https://viid.example", DEVICE, {"09005": 660, "09001": 661}, "kerbwatch"
    )
    monkeypatch.delenv("KERBWATCH_GAT1400_PASSWORD", raising=False)
    with pytest.raises(SiteError, match="KERBWATCH_GAT1400_PASSWORD is not set"):
        build_targets(site)
    monkeypatch.setenv("KERBWATCH_GAT1400_PASSWORD", PASSWORD)
    (target,) = build_targets(site)
    assert target.name == "gat1400"
    target.close()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('{ "9005" = 660 }', "8: reporting.gat1400.events.9005: '9005' is not allowed; choose "),
        (
            '{ "09005" = 660, "04-05" = 661 }',
            "8: reporting.gat1400.events.04-05: is 09005, which is there as '09005'",
        ),
        (
            '{ "09005" = "660" }',
            "8: reporting.gat1400.events: 09005: must be a number from 1 to 99999, not '660'",
        ),
        ("660", "8: reporting.gat1400.events: must be a table of numbers, as { 09009 = 1 }"),
    ],
)
def test_events_are_numbers_of_codes(tmp_path, written: str, told: str) -> None:
    path = tmp_path / "site.toml"
    events = 'events = { "09005" = 660, "04-01" = 661 }'
    assert events in SITE
    path.write_text(SITE.replace(events, f"events = {written}"))
    (problem,) = check_site(path).problems
    assert problem.startswith(f"{path}:{told}")


def test_the_check_tells_which_codes_have_no_event(tmp_path) -> None:
    path = tmp_path / "site.toml"
    camera = '[[cameras]]\nid = "gate"\naddress = "x"\n[[cameras.zones]]\nid = "shops"\n'
    zone = 'kind = "frontage"\npolygon = [[0, 0], [1, 0], [1, 1]]\n'
    path.write_text(SITE + camera + zone)
    (warning,) = [text for text in check_site(path).warnings if "EventSort" in text]
    assert "events: has no 06011 积存垃圾渣土, 06010 暴露垃圾; their pictures go" in warning
