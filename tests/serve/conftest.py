"""The service in this process, with the real model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.site import Site, default_site
from serve.app import create_app
from serve.limits import Limits
from tests.cases.filings import site_in

LIMITS = Limits(
    image_bytes=2_000_000, image_pixels=8_000_000, workers=2, queue=16, rate=0, within_s=60
)


def jpeg(width: int = 640, height: int = 480, shade: int = 120) -> bytes:
    noise = np.random.default_rng(shade).integers(0, 60, (height, width, 3), dtype=np.uint8)
    done, data = cv2.imencode(".jpg", noise + np.uint8(shade))
    assert done
    return data.tobytes()


@contextmanager
def read_only(site: Site) -> Iterator[CaseStore]:
    """A store that cannot be written, as on a disk that was mounted anew after an error."""
    file = site.reporting.data / "cases.sqlite"
    CaseStore(file).close()
    with CaseStore(f"sqlite:///file:{file}?mode=ro&uri=true") as store:
        yield store


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector(backend="onnxruntime", threads=1)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The default site; its photos go to a folder that nobody keeps."""
    plain = default_site()
    data = tmp_path_factory.mktemp("data")
    return replace(plain, reporting=replace(plain.reporting, data=data))


@pytest.fixture(scope="session")
def client(detector: Detector, site: Site) -> Iterator[TestClient]:
    with (
        CaseStore(site.reporting.data / "cases.sqlite") as store,
        TestClient(create_app(detector, site, limits=LIMITS, store=store)) as opened,
    ):
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Site:
    """A site of the test's own; `store` is in its data folder, `desk` the service for it."""
    return site_in(tmp_path / "data")


@pytest.fixture
def store(place: Site) -> Iterator[CaseStore]:
    with CaseStore(place.reporting.data / "cases.sqlite") as opened:
        yield opened


@pytest.fixture
def desk(detector: Detector, place: Site, store: CaseStore) -> Iterator[TestClient]:
    app = create_app(detector, place, limits=LIMITS, secret="s3cret", store=store)
    with TestClient(app) as client:
        yield client


@pytest.fixture(scope="session")
def junction(media: Path) -> bytes:
    """A junction camera's photo with a bus and cars, as JPEG."""
    image = cv2.imread(str(media / "data/junction_cctv/images/train_Video4_36.webp"))
    assert image is not None
    return cv2.imencode(".jpg", image)[1].tobytes()
