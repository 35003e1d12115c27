"""A camera that was turned, or is blind, is noticed; buses, nightfall and wind are neither."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from cv.detect.detector import Detection
from cv.detect.view import Shown, View, ViewFault, is_look, zones_mark
from cv.geometry import Box, Image
from cv.labels import LABELS, ZoneKind
from cv.site import Camera, Zone


@pytest.fixture(scope="module")
def wide() -> Image:
    """A street's worth of edges, wider than the picture."""
    rng = np.random.default_rng(3)
    picture = np.full((720, 1800, 3), 120, np.uint8)
    for _ in range(160):
        x, y = rng.integers(0, 1800), rng.integers(0, 720)
        size = rng.integers(20, 160, 2)
        grey = [int(value) for value in rng.integers(30, 220, 3)]
        cv2.rectangle(picture, (int(x), int(y)), (int(x + size[0]), int(y + size[1])), grey, -1)
    return picture


def seen(wide: Image, x: int = 200, y: int = 0) -> Image:
    return np.ascontiguousarray(np.roll(wide, -y, axis=0)[:, x : x + 1280])


def blank(kind: str) -> Image:
    """What a camera shows that sees nothing."""
    shade = {"black": 0, "noise": 30}.get(kind, 128)
    picture = np.full((720, 1280, 3), shade, np.uint8)
    white = (255, 255, 255)
    if kind == "noise":
        return np.random.default_rng(2).normal(30, 9, picture.shape).clip(0, 255).astype(np.uint8)
    if kind == "lens cap":
        at_ends = (("2026-03-14 16:00:00 Sat", (20, 50)), ("East gate camera 01", (820, 690)))
        for text, place in at_ends:
            cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.4, white, 3)
    if kind == "no signal":
        cv2.putText(picture, "NO SIGNAL", (300, 400), cv2.FONT_HERSHEY_SIMPLEX, 4, white, 8)
    return picture


BLANK = ("black", "grey", "noise", "lens cap", "no signal")


def look(view: View, picture: Image) -> Shown:
    """At a time that does not matter."""
    return view.look(picture, datetime(2026, 3, 14, 8, tzinfo=UTC))


def looks(view: View, *pictures: Image) -> list[bool]:
    """Whether each picture shows the zones' view."""
    return [look(view, picture) is Shown.HERE for picture in pictures]


def turned_is_noticed(view: View, wide: Image) -> bool:
    assert not any(looks(view, *[seen(wide, 500)] * 3))
    return view.moved


def test_a_turned_camera_is_noticed_at_once_and_believed_at_the_third_look(wide: Image) -> None:
    view = View()
    assert all(looks(view, *[seen(wide)] * 5))
    moved = []
    for _ in range(4):
        assert look(view, seen(wide, 360)) is Shown.ELSEWHERE
        moved.append(view.moved)
    assert moved == [False, False, True, True]
    assert view.fault is ViewFault.CHANGED
    assert look(view, seen(wide)) is Shown.HERE
    assert not view.moved


def test_one_odd_picture_is_no_fault(wide: Image) -> None:
    view = View()
    assert looks(view, seen(wide), seen(wide, 500), seen(wide)) == [True, False, True]
    assert not view.moved


def test_a_bus_noise_dusk_infrared_and_shake_are_no_other_view(wide: Image) -> None:
    rng = np.random.default_rng(5)
    day = seen(wide)
    bus = day.copy()
    bus[200:, 300:800] = (40, 60, 190)
    noisy = np.clip(day + rng.normal(0, 12, day.shape), 0, 255).astype(np.uint8)
    dim = (day * 0.35).astype(np.uint8)
    negative = 255 - day  # an infrared lamp turns dark things light
    shaken = seen(wide, 206, 4)
    view = View()
    assert all(looks(view, day, bus, day, noisy, dim, negative, shaken, day))


@pytest.mark.parametrize("kind", BLANK)
def test_a_picture_without_edges_is_no_look_and_a_fault_from_the_third_one_on(
    wide: Image, kind: str
) -> None:
    view, nothing = View(), blank(kind)
    look(view, seen(wide))
    found = [(look(view, picture), view.fault) for picture in (nothing,) * 4]
    assert [shown for shown, _ in found] == [Shown.NOTHING] * 4
    assert [fault for _, fault in found] == [None, None, *[ViewFault.BLANK] * 2]
    assert look(view, seen(wide)) is Shown.HERE
    assert (view.fault, view.moved) == (None, False)


def test_a_changed_view_does_not_end_in_the_dark(wide: Image) -> None:
    view = View()
    look(view, seen(wide))
    assert turned_is_noticed(view, wide)
    assert {look(view, blank("black")) for _ in range(5)} == {Shown.ELSEWHERE}
    assert view.fault is ViewFault.CHANGED


@pytest.mark.parametrize("kind", BLANK)
def test_a_camera_that_shows_nothing_at_first_is_known_by_what_it_shows_then(
    wide: Image, kind: str
) -> None:
    view, after_restart = View(), View()
    assert look(view, blank(kind)) is Shown.NOTHING
    assert view.dump() is None
    assert all(looks(view, *[seen(wide)] * 5))
    after_restart.restore(view.dump())
    assert turned_is_noticed(view, wide)
    assert turned_is_noticed(after_restart, wide)


def test_a_view_without_edges_that_an_earlier_run_kept_is_forgotten(wide: Image) -> None:
    view = View()
    view.restore(b64encode(bytes(54 * 96 * 2)).decode())
    assert all(looks(view, seen(wide)))
    assert turned_is_noticed(view, wide)


def test_fog_that_comes_slowly_is_not_learnt(wide: Image) -> None:
    rng = np.random.default_rng(11)
    street = cv2.resize(seen(wide), (640, 360), interpolation=cv2.INTER_AREA).astype(np.float32)

    def in_fog(share: float) -> Image:
        fog = street * (1 - share) + 200 * share
        return np.clip(fog + rng.normal(0, 2, fog.shape), 0, 255).astype(np.uint8)

    view = View()
    coming = [look(view, in_fog(share)) for share in np.linspace(0, 1, 90)]
    assert Shown.ELSEWHERE not in coming
    assert coming[0] is Shown.HERE
    assert coming[-1] is Shown.NOTHING
    assert {look(view, in_fog(1)) for _ in range(60)} == {Shown.NOTHING}
    assert {look(view, in_fog(share)) for share in np.linspace(0.5, 0, 10)} == {Shown.HERE}
    assert turned_is_noticed(view, wide)


def test_in_deep_snow_looks_count_in_which_something_is_found() -> None:
    def found(score: float) -> list[Detection]:
        return [Detection("car", score, Box(200, 150, 320, 230))]

    thresholds = dict.fromkeys(LABELS, 0.5)
    assert not is_look(Shown.NOTHING, [], thresholds)
    assert not is_look(Shown.NOTHING, found(0.4), thresholds)
    assert is_look(Shown.NOTHING, found(0.6), thresholds)
    assert not is_look(Shown.ELSEWHERE, found(0.6), thresholds)
    assert is_look(Shown.HERE, [], thresholds)


def test_dusk_is_followed(wide: Image) -> None:
    """The known view follows slowly: in the end, lamps give other edges than the sun did."""
    rng = np.random.default_rng(7)
    lit = seen(wide).copy()
    for _ in range(60):
        x, y = (int(value) for value in rng.integers(0, (1280, 720)))
        cv2.circle(lit, (x, y), 60, [int(value) for value in rng.integers(0, 255, 3)], -1)
    view, night = View(), lit.astype(float)
    for share in np.linspace(0, 1, 120):
        assert looks(view, (seen(wide) * (1 - share) + night * share).astype(np.uint8)) == [True]


def test_a_restart_knows_the_view(wide: Image) -> None:
    first, second, third = View(), View(), View()
    look(first, seen(wide))
    second.restore(first.dump())
    assert looks(second, seen(wide), seen(wide, 500)) == [True, False]
    third.restore(None)
    assert looks(third, seen(wide, 500)) == [True]


def test_any_resolution_shows_the_same_view(wide: Image) -> None:
    view = View()
    small = np.asarray(cv2.resize(seen(wide), (640, 360), interpolation=cv2.INTER_AREA), np.uint8)
    assert all(looks(view, seen(wide), small))


def test_zones_drawn_anew_have_another_mark() -> None:
    def camera(right: float) -> Camera:
        corners = ((0.0, 0.0), (right, 0.0), (1.0, 1.0))
        return Camera(id="a", name="A", zones=(Zone("z", "Z", ZoneKind.LANE, corners),))

    assert zones_mark(camera(1.0)) == zones_mark(camera(1.0))
    assert zones_mark(camera(1.0)) != zones_mark(camera(0.9))
