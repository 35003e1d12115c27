"""Blender as a library: meshes in, pictures out. Cycles on the CPU, few samples, denoised."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from cv.cpus import usable_cpus
from cv.errors import UserError
from cv.sim.lens import Lens
from cv.sim.mesh import Mesh, Paint

__all__ = ["Blender", "Light", "Placed", "Textured"]

Pixels = npt.NDArray[np.uint8]


class Placed(NamedTuple):
    """A mesh at x, y on the ground, turned by degrees about the vertical."""

    mesh: Mesh
    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0


class Textured(NamedTuple):
    """A rectangle with a picture on it.

    Attributes:
        corners: float64 [4, 3], from the picture's lower left anticlockwise.
        picture: uint8 [H, W, 3] BGR, in sRGB.
        rough: 0 is a mirror, 1 is chalk.
    """

    corners: npt.NDArray[np.float64]
    picture: npt.NDArray[np.uint8]
    rough: float = 0.9


class Light(NamedTuple):
    """What lights the street.

    Attributes:
        sky: red, green, blue of the whole sky, in W/m² and sr.
        sun: irradiance in W/m²; wide and soft, as through thin clouds.
        sun_from: degrees about x and about z.
        lamps: x, y, z, watts of street lamps.
    """

    sky: tuple[float, float, float]
    sun: float
    sun_from: tuple[float, float]
    lamps: Sequence[tuple[float, float, float, float]] = ()


@contextmanager
def _silence() -> Iterator[None]:
    """Blender's C code writes to the process's output whatever Python thinks of it."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)


def blender_library() -> Any:
    """Blender's `bpy`.

    Raises:
        UserError: it is not installed, or cannot be loaded.
    """
    try:
        with _silence():  # it misses a sound card, and add-ons that were built for numpy 1
            import bpy
    except ImportError as error:
        raise UserError(f"rendering needs Blender: {_cure()} ({error})") from error
    return bpy


def _cure() -> str:
    if sys.version_info[:2] != (3, 11):
        return "its module is made for Python 3.11 only, use that"
    return 'pip install "kerbwatch[sim]"'


class Blender:
    """One street at a time, one camera. Blender's state is global: make one per process.

    Raises:
        UserError: Blender is not installed.
    """

    def __init__(self) -> None:
        bpy = self._bpy = blender_library()
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene = self._scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        # Five seconds a picture instead of twenty-three, and hardly a difference to be seen.
        scene.cycles.use_denoising = True
        scene.cycles.denoising_prefilter = scene.cycles.denoising_quality = "FAST"
        scene.cycles.max_bounces = 2
        scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
        scene.render.threads_mode, scene.render.threads = "FIXED", usable_cpus()
        scene.render.use_persistent_data = True
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        scene.render.image_settings.compression = 5
        scene.view_settings.view_transform = "AgX"
        self._materials: dict[Paint, Any] = {}
        self._street: list[Any] = []
        self._size = (0, 0)
        self._camera = self._link(bpy.data.objects.new("camera", bpy.data.cameras.new("camera")))
        scene.camera = self._camera

    def point(self, lens: Lens, size: tuple[int, int]) -> None:
        """Take pictures of this (width, height) as a lens would, but without distortion."""
        self._size = size
        render = self._scene.render
        render.resolution_x, render.resolution_y = size
        camera = self._camera.data
        camera.sensor_fit = "HORIZONTAL"
        camera.angle = 2 * math.atan(size[0] / 2 / lens.focal_px)
        self._camera.location = (0, 0, lens.height_m)
        turn = (math.radians(90 - lens.tilt_deg), 0, -math.radians(lens.pan_deg))
        self._camera.rotation_euler = turn

    def set_street(self, placed: Sequence[Placed], textured: Sequence[Textured]) -> None:
        """What is always there."""
        self._street = [self._object(item) for item in placed]
        self._street += [self._rectangle(item) for item in textured]

    def set_light(self, light: Light) -> None:
        """Replace the light."""
        bpy = self._bpy
        world = bpy.data.worlds.new("sky")
        self._scene.world = world
        sky = world.node_tree.nodes["Background"] if world.node_tree else None
        if sky is None:
            world.use_nodes = True
            sky = world.node_tree.nodes["Background"]
        sky.inputs[0].default_value = (*light.sky, 1)
        for old in [o for o in self._scene.objects if o.type == "LIGHT"]:
            bpy.data.objects.remove(old)
        if light.sun:
            sun = bpy.data.lights.new("sun", "SUN")
            sun.energy, sun.angle = light.sun, math.radians(12)
            item = self._link(bpy.data.objects.new("sun", sun))
            item.rotation_euler = (
                math.radians(light.sun_from[0]),
                0,
                math.radians(light.sun_from[1]),
            )
        for x, y, z, watts in light.lamps:
            lamp = bpy.data.lights.new("lamp", "POINT")
            lamp.energy, lamp.shadow_soft_size, lamp.color = watts, 0.25, (1.0, 0.72, 0.42)
            self._link(bpy.data.objects.new("lamp", lamp)).location = (x, y, z)

    def picture(self, things: Sequence[Placed], samples: int = 4) -> Pixels:
        """The street with things: uint8 [H, W, 3] BGR."""
        with self._shown(things):
            return self._render(samples)[..., :3]

    def alone(self, thing: Placed, region: tuple[int, int, int, int], samples: int = 4) -> Pixels:
        """One thing in the street's light, without the street.

        Args:
            region: x1, y1, x2, y2 in pixels, inside the picture.

        Returns:
            uint8 [y2 - y1, x2 - x1, 4] BGR and coverage.
        """
        with self._shown([thing]):
            for item in self._street:
                item.visible_camera = False
            self._scene.render.film_transparent = True
            try:
                return self._render(samples, region)
            finally:
                self._scene.render.film_transparent = False
                for item in self._street:
                    item.visible_camera = True

    @contextmanager
    def _shown(self, things: Sequence[Placed]) -> Iterator[None]:
        items = [self._object(thing) for thing in things]
        try:
            yield
        finally:
            for item in items:
                mesh = item.data
                self._bpy.data.objects.remove(item)
                self._bpy.data.meshes.remove(mesh)

    def _render(self, samples: int, region: tuple[int, int, int, int] | None = None) -> Pixels:
        render, (width, height) = self._scene.render, self._size
        self._scene.cycles.samples = samples
        render.use_border = render.use_crop_to_border = region is not None
        if region:
            x1, y1, x2, y2 = region
            render.border_min_x, render.border_max_x = x1 / width, x2 / width
            render.border_min_y, render.border_max_y = 1 - y2 / height, 1 - y1 / height
        with tempfile.TemporaryDirectory(prefix="kerbwatch-sim-") as folder:
            file = Path(folder, "picture.png")
            render.filepath = str(file)
            with _silence():
                self._bpy.ops.render.render(write_still=True)
            picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise UserError("Blender gave no picture")
        return np.asarray(picture, np.uint8)

    def _link(self, item: Any) -> Any:
        self._scene.collection.objects.link(item)
        return item

    def _object(self, placed: Placed) -> Any:
        given = placed.mesh
        mesh = self._bpy.data.meshes.new("thing")
        mesh.from_pydata(given.vertices, [], given.faces)
        paints = list(dict.fromkeys(given.paints))
        for paint in paints:
            mesh.materials.append(self._material(paint))
        slot = {paint: n for n, paint in enumerate(paints)}
        mesh.polygons.foreach_set("material_index", [slot[paint] for paint in given.paints])
        mesh.polygons.foreach_set("use_smooth", given.smooth)
        mesh.update()
        item = self._link(self._bpy.data.objects.new("thing", mesh))
        item.location = (placed.x, placed.y, 0)
        item.rotation_euler = (0, 0, math.radians(placed.turn))
        return item

    def _rectangle(self, given: Textured) -> Any:
        bpy = self._bpy
        mesh = bpy.data.meshes.new("rectangle")
        mesh.from_pydata([tuple(map(float, c)) for c in given.corners], [], [(0, 1, 2, 3)])
        places = mesh.uv_layers.new(name="UVMap").data
        for place, uv in zip(places, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
            place.uv = uv
        height, width = given.picture.shape[:2]
        image = bpy.data.images.new("picture", width, height)
        rgba = np.ones((height, width, 4), np.float32)
        rgba[..., :3] = given.picture[::-1, :, ::-1].astype(np.float32) / 255
        image.pixels.foreach_set(rgba.ravel())
        image.update()
        material = bpy.data.materials.new("picture")
        material.use_nodes = True
        nodes = material.node_tree.nodes
        texture = nodes.new("ShaderNodeTexImage")
        texture.image = image
        texture.extension = "EXTEND"
        shader = nodes["Principled BSDF"].inputs
        shader["Roughness"].default_value = given.rough
        material.node_tree.links.new(texture.outputs["Color"], shader["Base Color"])
        mesh.materials.append(material)
        return self._link(bpy.data.objects.new("rectangle", mesh))

    def _material(self, paint: Paint) -> Any:
        if paint not in self._materials:
            material = self._bpy.data.materials.new("paint")
            material.use_nodes = True
            shader = material.node_tree.nodes["Principled BSDF"].inputs
            colour = (paint.red, paint.green, paint.blue, 1)
            shader["Base Color"].default_value = colour
            shader["Roughness"].default_value = paint.rough
            shader["Metallic"].default_value = paint.metal
            if paint.glow:
                shader["Emission Color"].default_value = colour
                shader["Emission Strength"].default_value = paint.glow
            self._materials[paint] = material
        return self._materials[paint]
