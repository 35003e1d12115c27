"""What the OpenAPI document promises holds for requests made from it, good and bad."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

from cv.access.keys import Keys
from cv.access.roles import Role
from cv.cases.store import CaseStore
from cv.detect.detector import Detector
from cv.site import Site
from serve.app import create_app
from serve.open311.routes import OPEN311
from tests.serve.conftest import LIMITS, jpeg
from tests.serve.hostile import heic, png, saved, small

PICTURES = {
    "image/jpeg": jpeg(),
    "image/png": png(64, 48),
    "image/webp": saved(small(), "WEBP"),
    "image/heic": heic(),
}
for kind, content in PICTURES.items():
    schemathesis.openapi.media_type(kind, st.just(content))
schemathesis.openapi.format("binary", st.sampled_from(list(PICTURES.values())))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaseStore]:
    with CaseStore(tmp_path_factory.mktemp("keys") / "cases.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def keys(store: CaseStore) -> Keys:
    return Keys(store.database)


@pytest.fixture(scope="module")
def key(keys: Keys) -> str:
    return keys.create("schemathesis", Role.ADMIN, datetime.now(UTC))[1]


@pytest.fixture(scope="module")
def app(detector: Detector, site: Site, keys: Keys, store: CaseStore) -> FastAPI:
    return create_app(detector, site, limits=LIMITS, secret="s" * 32, keys=keys, store=store)


def check(app: FastAPI, key: str, mode: GenerationMode, examples: int) -> int:
    """Every operation, every check of schemathesis; how many requests were made."""
    made = 0
    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answered_as_described(case: Any) -> None:
            nonlocal made
            # A schema cannot say what a picture is: "binary" is any text to whoever reads it. Nor
            # how far apart two dates may be.
            unsaid = case.method == "POST" or case.path == f"{OPEN311}/requests.{{form}}"
            loose = [positive_data_acceptance] if unsaid else []
            # In a multipart form all fields are text: what was made as a number or true is one as
            # good as any. And where requests are asked for by their ids, nothing else counts.
            by_id = "service_request_id" in (case.query or {})
            if case.media_type == "multipart/form-data" or by_id:
                loose.append(negative_data_rejection)
            case.call_and_validate(headers={"X-API-Key": key}, excluded_checks=loose)
            made += 1

        try:
            answered_as_described()
        except Unsatisfiable:
            # Nothing can be wrong with a request that has neither parameters nor a body.
            assert operation.method == "get"
    return made


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_requests_made_from_the_document_are_answered_as_it_says(
    app: FastAPI, key: str, mode: GenerationMode
) -> None:
    assert check(app, key, mode, 5) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_many_requests_made_from_the_document(app: FastAPI, key: str, mode: GenerationMode) -> None:
    assert check(app, key, mode, 30) >= 90
