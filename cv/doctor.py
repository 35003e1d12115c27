"""`kerbwatch doctor`: what is installed, what this machine can do, what is wrong."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cv.cases.opening import store_standing
from cv.cpus import cpu_features, cpu_name, usable_cpus
from cv.detect.detector import Detector, model_path
from cv.disk import DiskSpace, Room, size_text
from cv.errors import KerbwatchError
from cv.evidence.sealing import KEY_VARIABLE, sealing_keys
from cv.site import Site, load_site

__all__ = ["Finding", "doctor", "examine"]

_PACKAGES = ("onnxruntime", "openvino", "av", "opencv-python-headless", "numpy", "torch")
_OPTIONAL = {"openvino": "extra openvino", "torch": "extra train"}


class Finding(NamedTuple):
    """One line of the doctor's table; `trouble` says how to mend it."""

    what: str
    value: str
    trouble: str = ""


def doctor() -> None:
    """Print versions, CPU features, the chosen backend, and what is wrong."""
    findings = list(examine())
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark = "[red]✗[/red]" if finding.trouble else "[green]✓[/green]"
        table.add_row(f"{mark} {finding.what}", escape(finding.value))
    console = Console()
    console.print(table)
    troubles = [finding for finding in findings if finding.trouble]
    for finding in troubles:
        console.print(f"[red]{finding.what}:[/red] {escape(finding.trouble)}", highlight=False)
    if troubles:
        raise typer.Exit(1)
    console.print("Nothing is wrong.")


def examine() -> Iterator[Finding]:
    """Look at everything a run needs."""
    yield Finding("kerbwatch", version("kerbwatch"))
    yield Finding("python", f"{platform.python_version()} ({sys.executable})")
    for package in _PACKAGES:
        yield _package(package)
    yield Finding("cpu", f"{cpu_name()}, {usable_cpus()} usable")
    yield Finding("cpu features", " ".join(cpu_features()) or "none that matter")
    yield _model()
    yield _originals()
    if importlib.util.find_spec("torch"):
        yield _torchvision()
    if Path("site.toml").exists():
        yield from _site()


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        if name in _OPTIONAL:
            return Finding(name, f"not installed ({_OPTIONAL[name]})")
        return Finding(name, "missing", "install kerbwatch again: pip install -e .")


def _model() -> Finding:
    """Load the model and look at a grey picture: a wrong CPU shows here, not at the first case."""
    try:
        detector = Detector(model_path())
        detector.detect(np.full((360, 640, 3), 114, np.uint8))
    except KerbwatchError as error:
        return Finding("model", "unusable", str(error))
    info = detector.info
    return Finding(
        "model",
        f"{info.name} {info.version} ({info.path}), backend {detector.backend}, "
        f"{detector.threads} threads",
    )


def _originals() -> Finding:
    try:
        keys = sealing_keys()
    except KerbwatchError as error:
        return Finding("originals", "no usable key", str(error))
    if keys is None:
        return Finding("originals", f"not encrypted (no {KEY_VARIABLE}; kerbwatch evidence key)")
    return Finding("originals", f"encrypted ({KEY_VARIABLE} holds {len(keys.keys)})")


def _torchvision() -> Finding:
    """A CUDA build of torchvision beside a CPU build of torch breaks ultralytics."""
    try:
        found = version("torchvision")
    except PackageNotFoundError:
        return Finding("torchvision", "missing", 'pip install -c constraints-cpu.txt -e ".[train]"')
    return Finding("torchvision", found)


def _site() -> Iterator[Finding]:
    try:
        site = load_site(Path("site.toml"))
    except KerbwatchError as error:
        yield Finding("site.toml", "not valid", str(error))
        return
    yield Finding("site.toml", f"{len(site.cameras)} cameras")
    try:
        yield Finding("case store", store_standing(site))
    except KerbwatchError as error:
        yield Finding("case store", "cannot be used", str(error))
    yield _disk(site)


def _disk(site: Site) -> Finding:
    space = DiskSpace(site.reporting.data, site.disk)
    value = f"{size_text(space.free)} free in {site.reporting.data}"
    trouble = {
        Room.SCARCE: "little is left: evidence is thinned (see [disk] in docs/site-file.md)",
        Room.NONE: "too little is left: cases are recorded without pictures (see [disk] in "
        "docs/site-file.md)",
    }.get(space.room, "")
    return Finding("disk", value, trouble)
