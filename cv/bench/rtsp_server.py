#!/usr/bin/python3
"""RTSP cameras for tests and benchmarks: play an H.264 clip in real time.

Runs under the system's Python with Debian's GStreamer (scripts/install-test-tools), outside the
virtual environment. The clip's own H.264 is sent, never encoded again. Ends when its parent does.

    rtsp_server.py --port 8554 --mount /cam --file clip.mp4 [--loop] [--user u --password p]

prints "ready" once it listens. Each client sees the clip from its start; without --loop the stream
ends with it. With --phases 8 there are the mounts /cam0 to /cam7 instead, each of which plays the
clip in a loop from another place on and is shared by all of its clients: a hundred cameras cost
little more than sending their data.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import dataclass

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402  needs the versions above

# Who joins in the middle needs the parameter sets again at every key frame: config-interval=-1.
_READ = (
    "filesrc name=file ! parsebin ! h264parse config-interval=-1 "
    "! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out sync=false"
)
_SERVE = (
    "( appsrc name=clip format=time max-bytes=2000000 "
    "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=0 )"
)


@dataclass(frozen=True)
class Picture:
    """One coded picture; times in nanoseconds since the clip's start."""

    data: bytes
    pts: int
    dts: int
    duration: int
    is_key: bool


@dataclass(frozen=True)
class Clip:
    pictures: list[Picture]
    caps: Gst.Caps
    length: int


def read_clip(path: str) -> Clip:
    """All coded pictures of the file's H.264 stream."""
    pipeline = Gst.parse_launch(_READ)
    pipeline.get_by_name("file").set_property("location", path)
    sink = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    raw: list[Picture] = []
    caps = None
    while (sample := sink.pull_sample()) is not None:
        buffer, caps = sample.get_buffer(), sample.get_caps()
        dts = buffer.dts if buffer.dts != Gst.CLOCK_TIME_NONE else buffer.pts
        is_key = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
        content = buffer.extract_dup(0, buffer.get_size())
        raw.append(Picture(content, buffer.pts, dts, buffer.duration, is_key))
    pipeline.set_state(Gst.State.NULL)
    if not raw:
        sys.exit(f"rtsp_server: {path}: no H.264 stream in it")
    first = min(picture.dts for picture in raw)
    shown = sorted(picture.pts for picture in raw)
    length = shown[-1] - shown[0] + (shown[-1] - shown[0]) // max(1, len(raw) - 1)
    pictures = [Picture(p.data, p.pts - first, p.dts - first, p.duration, p.is_key) for p in raw]
    return Clip(pictures, caps, length)


class Feed:
    """Pushes a clip into one client's appsrc, again and again if looping."""

    def __init__(self, clip: Clip, loop: bool, source: GstApp.AppSrc, first: int = 0) -> None:
        self._clip = clip
        self._loop = loop
        self._next = first
        self._offset = -clip.pictures[first].dts
        source.set_caps(clip.caps)
        source.connect("need-data", self._push)

    def _push(self, source: GstApp.AppSrc, _length: int) -> None:
        if self._next == len(self._clip.pictures):
            if not self._loop:
                source.end_of_stream()
                return
            self._next = 0
            self._offset += self._clip.length
        picture = self._clip.pictures[self._next]
        self._next += 1
        buffer = Gst.Buffer.new_wrapped(picture.data)
        buffer.pts = picture.pts + self._offset
        buffer.dts = picture.dts + self._offset
        buffer.duration = picture.duration
        if not picture.is_key:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        source.push_buffer(buffer)


def make_factory(
    clip: Clip, loop: bool, *, first: int = 0, shared: bool = False
) -> GstRtspServer.RTSPMediaFactory:
    """A mount that plays the clip from a picture on, for each client or once for all of them."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_SERVE)
    factory.set_shared(shared)

    def configure(_factory: object, media: GstRtspServer.RTSPMedia) -> None:
        Feed(clip, loop, media.get_element().get_by_name("clip"), first)

    factory.connect("media-configure", configure)
    return factory


def guard(
    server: GstRtspServer.RTSPServer,
    factory: GstRtspServer.RTSPMediaFactory,
    user: str,
    password: str,
) -> None:
    """Ask for a user and password (HTTP Basic)."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", user)
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role(user, "media.factory.access", True)
    permissions.add_permission_for_role(user, "media.factory.construct", True)
    factory.set_permissions(permissions)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mount", default="/cam")
    parser.add_argument("--file", required=True)
    parser.add_argument("--loop", action="store_true")
    parser.add_argument("--phases", type=int, default=0)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(arguments.port))
    clip, mounts = read_clip(arguments.file), server.get_mount_points()
    keys = [n for n, picture in enumerate(clip.pictures) if picture.is_key]
    for phase in range(arguments.phases):
        first = keys[phase * len(keys) // arguments.phases]
        mounts.add_factory(
            f"{arguments.mount}{phase}", make_factory(clip, True, first=first, shared=True)
        )
    if not arguments.phases:
        factory = make_factory(clip, arguments.loop)
        if arguments.user:
            guard(server, factory, arguments.user, arguments.password)
        mounts.add_factory(arguments.mount, factory)
    if server.attach(None) == 0:
        sys.exit(f"rtsp_server: port {arguments.port} is taken")
    loop = GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
    parent = os.getppid()

    def quit_with_parent() -> bool:
        if os.getppid() != parent:
            loop.quit()
        return True

    GLib.timeout_add_seconds(1, quit_with_parent)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
