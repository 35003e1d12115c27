"""Pictures of a scenario at any moment, with the box of everything in them.

Blender renders the street once for each set of standing things, and what moves once at each of a
few places of its way; the rest is put together here. So two hours cost minutes. Everything is
composed as a lens without distortion would see it, and bent last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from cv.geometry import Image
from cv.sim.assets import thing
from cv.sim.blender import Blender, Placed
from cv.sim.layer import Layer, cover, shade
from cv.sim.lens import Lens, Points
from cv.sim.scenario import Bump, Scenario
from cv.sim.scene import Present, Scene, Seen, inside
from cv.sim.street import LIGHTS, furniture, surfaces
from cv.sim.weather import Weather

__all__ = ["Film"]

_NEAREST_M = 1.5
_NEARER = 1.25
"""A mover is rendered anew when it is this many times nearer, ..."""
_ASIDE_M = 0.5
"""... or so far to the side."""
_STEP_M = 0.7
_STRIDES = (0.0, 1.0, 0.0, -1.0)
_SHADOW = {"day": 0.42, "dusk": 0.3, "night": 0.35}


class _Standing(NamedTuple):
    """The street with its standing things."""

    picture: Image
    things: tuple[tuple[float, Present, Layer], ...]
    """Depth in metres, thing, and where it covers what is behind it; the nearest first."""


class _Key(NamedTuple):
    """A rendering of a mover: what, and where it stood then."""

    kind: str
    shape: str | None
    look: int
    turn: float
    stride: float
    x: float
    y: float


class Film:
    """A scenario as its camera sees it. A process has one Blender: ask only the latest film.

    Attributes:
        lens: of the camera before anything bumped it.

    Raises:
        UserError: Blender is not installed.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scene = Scene(scenario)
        self.lens = self._scene.lens
        self._weather = Weather(self.lens.size, scenario.light, scenario.rain, scenario.seed)
        self._blender = Blender()
        standing = furniture(scenario.seed, scenario.street.side_entrances)
        self._blender.set_street(standing, surfaces(scenario.seed))
        self._blender.set_light(LIGHTS[scenario.light])
        self._views: dict[Bump | None, _Direction] = {}

    def frame(self, time_s: float) -> tuple[Image, list[Seen]]:
        """The picture at seconds since the scenario's start, and what is in it, nearest first.

        A box is around all of a thing that is inside the picture, hidden or not.
        """
        scenario = self._scene.scenario
        bump = scenario.bump_at(time_s)
        if bump not in self._views:
            self._views[bump] = _Direction(self._blender, scenario, bump)
        present = sorted(self._scene.present(time_s), key=lambda item: item.name)
        picture, seen = self._views[bump].frame(present, self._scene.sway(time_s))
        return self._weather.over(picture, time_s), seen


class _Direction:
    """What the camera sees while it points one way."""

    def __init__(self, blender: Blender, scenario: Scenario, bump: Bump | None) -> None:
        self._blender = blender
        self._light = scenario.light
        self._lens = scenario.camera.lens(bump)
        self._wide = _wide_size(self._lens, scenario.camera.sway)
        self._middle = np.array(self._wide) / 2
        self._standing = lru_cache(maxsize=8)(self._render_standing)
        self._mover = lru_cache(maxsize=2000)(self._render_mover)

    def frame(self, present: Sequence[Present], shift: Points) -> tuple[Image, list[Seen]]:
        """The picture of what is present, shifted by pixels, and what is in it."""
        self._blender.point(self._lens, self._wide)
        still = tuple(item for item in present if item.walked_m is None)
        picture, standing = self._standing(still)
        picture = picture.copy()
        layers = list(standing)
        for depth, item in sorted(self._near(present), key=lambda pair: -pair[0]):
            if item.walked_m is None:
                continue
            layer = self._moved(item, item.walked_m)
            if layer is None:
                continue
            nearer = [own for own_depth, _, own in standing if own_depth < depth]
            shade(picture, self._flat(item), _SHADOW[self._light], nearer)
            cover(picture, layer, nearer)
            layers.append((depth, item, layer))
        layers.sort(key=lambda row: row[0])
        return self._bend(picture, shift), self._seen(layers, shift)

    def _near(self, present: Sequence[Present]) -> list[tuple[float, Present]]:
        corners = [(item, self._lens.depth(item.corners())) for item in present]
        return [(float(d.mean()), item) for item, d in corners if d.min() > _NEAREST_M]

    def _render_standing(self, still: tuple[Present, ...]) -> _Standing:
        placed = [_placed(item) for item in still]
        picture = self._blender.picture(placed)
        things = []
        for depth, item in self._near(still):
            layer = self._alone(_placed(item), item.corners())
            if layer:
                things.append((depth, item, layer))
        return _Standing(picture, tuple(sorted(things, key=lambda row: row[0])))

    def _moved(self, item: Present, walked_m: float) -> Layer | None:
        """A mover where it is now, from the rendering at the nearest place that has one."""
        level = round(math.log(max(item.y, 1.0), _NEARER))
        stride = 0.0
        if item.kind == "person":
            stride = _STRIDES[int(walked_m / _STEP_M * 2) % len(_STRIDES)]
        key = _Key(
            item.kind, item.shape, item.look, round(item.turn), stride,
            round(item.x / _ASIDE_M) * _ASIDE_M, _NEARER**level,
        )  # fmt: skip
        layer = self._mover(key)
        if layer is None:
            return None
        (then, now), depths = self._feet(key, item)
        return layer.moved(then, now, depths[0] / depths[1])

    def _feet(self, key: _Key, item: Present) -> tuple[Points, npt.NDArray[np.float64]]:
        ground = np.array([(key.x, key.y, 0.0), (item.x, item.y, 0.0)])
        return self._lens.straight(ground) + self._middle, self._lens.depth(ground)

    def _render_mover(self, key: _Key) -> Layer | None:
        item = Present("", key.kind, key.x, key.y, key.turn, key.look, shape=key.shape)
        if not self._near([item]):
            return None
        return self._alone(_placed(item, key.stride), item.corners())

    def _alone(self, placed: Placed, corners: Points) -> Layer | None:
        outline = self._lens.straight(corners) + self._middle
        # A stride reaches beyond the box of somebody who stands.
        spare = 4 + 0.15 * np.ptp(outline[:, 1])
        low = np.floor((outline.min(axis=0) - spare).clip(0)).astype(int)
        high = np.ceil((outline.max(axis=0) + spare).clip(None, self._wide)).astype(int)
        if (high - low < 2).any():
            return None
        region = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        rendered = self._blender.alone(placed, region)
        return Layer.of(rendered, (region[0], region[1]))

    def _flat(self, item: Present) -> Points:
        ground = item.corners()[[0, 1, 3, 2]]
        return self._lens.straight(ground) + self._middle

    def _bend(self, picture: Image, shift: Points) -> Image:
        # A shift of a pixel or two: the lens bends the same there.
        map_x, map_y = self._maps
        result = cv2.remap(
            picture, map_x - np.float32(shift[0]), map_y - np.float32(shift[1]),
            cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return np.asarray(result, np.uint8)

    @cached_property
    def _maps(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Where each pixel comes from, x and y."""
        width, height = self._lens.size
        x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height))
        pixels = np.column_stack([x.ravel() + 0.5, y.ravel() + 0.5])
        source = self._lens.unbent(pixels) + self._middle - 0.5
        map_x, map_y = source.astype(np.float32).reshape(height, width, 2).transpose(2, 0, 1)
        return np.ascontiguousarray(map_x), np.ascontiguousarray(map_y)

    def _seen(self, layers: Sequence[tuple[float, Present, Layer]], shift: Points) -> list[Seen]:
        seen = []
        for place, (_, item, layer) in enumerate(layers):
            outline = self._lens.bent(layer.outline - self._middle) + shift
            box = inside(outline, self._lens.size)
            if box:
                hidden = layer.hidden_by([nearer for _, _, nearer in layers[:place]])
                seen.append(Seen(item.name, item.kind, box, hidden))
        return seen


def _placed(item: Present, stride: float = 0.0) -> Placed:
    mesh = thing(item.kind, item.look, stride, item.shape)
    return Placed(mesh, item.x, item.y, item.turn)


def _wide_size(lens: Lens, sway: float) -> tuple[int, int]:
    """Even sides of a picture without distortion that holds all of the distorted one."""
    width, height = lens.size
    x, y = np.linspace(0, width, 33), np.linspace(0, height, 33)
    edge = [*((a, b) for a in x for b in (0, height)), *((a, b) for a in (0, width) for b in y)]
    reach = np.abs(lens.unbent(np.array(edge, np.float64))).max(axis=0) + sway + 2
    wide, high = (2 * math.ceil(value) for value in reach)
    return wide, high
