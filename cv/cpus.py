"""How much processor this process may really use.

onnxruntime and OpenVINO size their thread pools from the host and ignore the container's quota
(onnxruntime issue 29510), so the count is always passed explicitly.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["cpu_features", "cpu_name", "usable_cpus"]

_CGROUP = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_WANTED = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8")


def usable_cpus(cgroup: Path = _CGROUP, own: Path = _OWN) -> int:
    """Cores that this process may run on: affinity, cut down by a cgroup quota, at least 1.

    Args:
        cgroup: where cgroups are mounted.
        own: says which ones this process is in; a quota of any of those above counts, too. In a
            container with a namespace of its own it is the root, whose quota is the container's.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _folders(cgroup, own) if (quota := _quota(folder))]
    return max(1, min([cpus, *map(math.ceil, quotas)]))


def _folders(cgroup: Path, own: Path) -> Iterator[Path]:
    """Of version 2 and 1, each from the root down to the process's own."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    # Number, controllers (none in version 2), path: cgroups(7).
    rows = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    paths = {"cpu" if "cpu" in names.split(",") else names: path for _, names, path in rows}
    for root, path in ((cgroup, paths.get("", "/")), (cgroup / "cpu", paths.get("cpu", "/"))):
        parts = PurePosixPath(path).parts[1:]
        yield from (root.joinpath(*parts[:count]) for count in range(len(parts) + 1))


def _quota(folder: Path) -> float | None:
    """Processor seconds per second that a cgroup allows (v2, else v1), or None."""
    try:
        limit, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not limit.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(limit) / int(period)


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """The vector extensions that matter to inference, as /proc/cpuinfo names them."""
    return tuple(flag for flag in _WANTED if flag in _field(cpuinfo, "flags").split())


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    return _field(cpuinfo, "model name") or platform.processor() or platform.machine()


def _field(cpuinfo: Path, name: str) -> str:
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
