"""How much processor this process may really use.

onnxruntime and OpenVINO size their thread pools from the host and ignore the container's quota
(onnxruntime issue 29510), so the count is always passed explicitly.
"""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path

__all__ = ["cpu_features", "cpu_name", "usable_cpus"]

_CGROUP = Path("/sys/fs/cgroup")
_WANTED = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8")


def usable_cpus(cgroup: Path = _CGROUP) -> int:
    """Cores that this process may run on: affinity, cut down by a cgroup quota, at least 1."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, min(cpus, math.ceil(quota)) if quota else cpus)


def _quota(cgroup: Path) -> float | None:
    """Processor seconds per second that the cgroup allows (v2, else v1), or None."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
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
