"""Which stream of a camera is watched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cv.detect.frames import SourceUrl
from cv.detect.jobs import plan_jobs
from cv.site import Site
from tests.detect.test_watch import site_in

MAIN, SUB = "rtsp://viewer:secret@10.0.0.8/101", "rtsp://viewer:secret@10.0.0.8/102"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = site_in(tmp_path)
    camera = replace(site.cameras[0], url=SourceUrl(MAIN), sub_url=SourceUrl(SUB))
    return replace(site, cameras=(camera,))


@pytest.mark.parametrize("arguments", [[], ["gate"]])
def test_the_sub_stream_is_watched_and_the_main_one_kept_for_pictures(
    site: Site, arguments: list[str]
) -> None:
    (job,) = plan_jobs(arguments, site, None).jobs
    assert job.source.name.endswith("/102")
    assert job.main is not None
    assert job.main.reveal() == MAIN


def test_a_patrol_visits_the_main_stream(site: Site) -> None:
    (job,) = plan_jobs([], site, None, patrol=True).jobs
    assert job.source.name.endswith("/101")
    assert job.main is None


def test_an_address_that_was_typed_has_no_other_stream(site: Site) -> None:
    (job,) = plan_jobs(["rtsp://10.0.0.9/1"], site, "gate").jobs
    assert job.main is None
