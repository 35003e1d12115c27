from __future__ import annotations

from pathlib import Path

import pytest

from cv.cpus import cpu_features, usable_cpus


def cgroup(folder: Path, text: str) -> Path:
    (folder / "cpu.max").write_text(text)
    return folder


def test_a_container_quota_limits_the_cores(tmp_path: Path) -> None:
    assert usable_cpus(cgroup(tmp_path, "100000 100000\n")) == 1


def test_a_part_of_a_core_still_gives_one_thread(tmp_path: Path) -> None:
    assert usable_cpus(cgroup(tmp_path, "20000 100000\n")) == 1


@pytest.mark.parametrize("text", ["max 100000\n", "nonsense\n", ""])
def test_without_a_quota_the_affinity_counts(tmp_path: Path, text: str) -> None:
    assert usable_cpus(cgroup(tmp_path, text)) == usable_cpus(tmp_path / "missing")


def test_cgroup_v1_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == 1


@pytest.mark.parametrize(
    ("line", "limited"),
    [
        ("0::/system.slice/kerbwatch.service", "system.slice/kerbwatch.service/cpu.max"),
        ("0::/system.slice/kerbwatch.service", "system.slice/cpu.max"),
        ("4:memory:/m\n2:cpu,cpuacct:/docker/ab\n0::/", "cpu/docker/ab/cpu.cfs_quota_us"),
    ],
)
def test_a_quota_of_the_processs_own_cgroup_or_one_above_counts(
    tmp_path: Path, line: str, limited: str
) -> None:
    """As systemd's CPUQuota= sets it, and Docker where it shares the host's namespace."""
    own, file = tmp_path / "own", tmp_path / limited
    own.write_text(line + "\n")
    file.parent.mkdir(parents=True)
    file.write_text("100000 100000\n" if file.name == "cpu.max" else "100000\n")
    (file.parent / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path, own) == 1
    own.write_text("0::/elsewhere\n")
    assert usable_cpus(tmp_path, own) == usable_cpus(tmp_path / "missing")


def test_features_are_read_from_cpuinfo(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("model name\t: Some CPU\nflags\t\t: fpu avx2 avx512_bf16\n")
    assert cpu_features(file) == ("avx2", "avx512_bf16")
    assert cpu_features(tmp_path / "missing") == ()
