"""Which camera took which source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cv.detect.frames import Source, SourceKind, find_sources
from cv.detect.run import Job
from cv.detect.sources import walk_sources
from cv.errors import SourceError
from cv.site import Camera, Site

__all__ = ["Plan", "plan_jobs"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do.

    Attributes:
        jobs: recordings and streams.
        photos: paths as given. Plain text: of a large archive there are a hundred thousand.
    """

    jobs: list[Job] = field(default_factory=list)
    photos: list[str] = field(default_factory=list)


def plan_jobs(
    arguments: Sequence[str], site: Site, camera: str | None, *, patrol: bool = False
) -> Plan:
    """Turn the command line's sources into jobs.

    A camera's id stands for its stream; no argument at all, for every camera's. A recording or
    another stream belongs to `camera`, to the camera whose id its file or folder is named after,
    or to the only camera that there is.

    Args:
        patrol: a visit takes one key frame, so it takes the main stream's.

    Raises:
        SourceError: nothing to watch, or it is not clear whose picture a source is.
        SiteError: no such camera.
    """
    chosen = site.camera(camera) if camera else None
    if not arguments:
        return Plan(_all_cameras(site, chosen, patrol=patrol))
    own = {camera.id: camera for camera in site.cameras}
    named = [a for a in dict.fromkeys(arguments) if a in own and not Path(a).exists()]
    plan = Plan([_live(own[argument], patrol=patrol) for argument in named])
    for source in walk_sources(a for a in arguments if a not in named):
        if source.kind is SourceKind.PHOTO:
            plan.photos.append(source.name)
        else:
            plan.jobs.append(Job(source, _owner(source, site, chosen)))
    return plan


def _all_cameras(site: Site, chosen: Camera | None, *, patrol: bool) -> list[Job]:
    cameras = [chosen] if chosen else [camera for camera in site.cameras if camera.url]
    if not cameras:
        raise SourceError(
            "nothing to watch: give photos, folders, videos or stream URLs, "
            "or cameras with a url in the site file"
        )
    return [_live(camera, patrol=patrol) for camera in cameras]


def _live(camera: Camera, *, patrol: bool) -> Job:
    if camera.url is None:
        raise SourceError(f"camera {camera.id} has no url in the site file")
    watched, main = camera.url, None
    if camera.sub_url and not patrol:
        watched, main = camera.sub_url, camera.url
    (source,) = find_sources([watched.reveal()])
    return Job(source, camera, main)


def _owner(source: Source, site: Site, chosen: Camera | None) -> Camera | None:
    if chosen:
        return chosen
    if len(site.cameras) <= 1:
        return site.cameras[0] if site.cameras else None
    names = [*Path(source.name).parts[-2:], Path(source.name).stem]
    named = [camera for camera in site.cameras if camera.id in names]
    if len(named) == 1:
        return named[0]
    ids = ", ".join(camera.id for camera in site.cameras)
    raise SourceError(f"{source.name}: which camera took it? choose with --camera: {ids}")
