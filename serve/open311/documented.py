"""GeoReport's documents in /openapi.json: the JSON forms, and what the XML ones look like."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from serve.open311.forms import CONTACT, FORM

__all__ = [
    "DEFINITION",
    "DISCOVERY",
    "ERRORS",
    "FORM_BODY",
    "POSTED",
    "REQUESTS",
    "SERVICES",
    "answers_with",
]


class EndpointAnswer(BaseModel):
    specification: str = Field(examples=["http://wiki.open311.org/GeoReport_v2"])
    url: str = Field(examples=["https://box.example/open311/v2"])
    changeset: str = Field(examples=["2026-11-28 08:00"])
    type: Literal["production"]
    formats: list[str] = Field(examples=[["text/xml", "application/json"]])


class DiscoveryAnswer(BaseModel):
    changeset: str = Field(examples=["2026-11-28 08:00"])
    contact: str
    key_service: str
    endpoints: list[EndpointAnswer]


class ServiceAnswer(BaseModel):
    """A kind of thing to report; `service_code` is the national code of the site's edition."""

    service_code: str = Field(examples=["09006"])
    service_name: str = Field(examples=["占道经营 Roadside vending"])
    description: str
    metadata: bool = Field(examples=[False])
    type: Literal["realtime"]
    keywords: str = Field(examples=["摊位, 流动摊贩, 摆摊, 占道, stall, vendor"])
    group: str = Field(examples=["街面秩序"])


class DefinitionAnswer(BaseModel):
    """No service asks for more than the form has."""

    service_code: str = Field(examples=["09006"])
    attributes: list[dict[str, Any]] = Field(max_length=0, examples=[[]])


class RequestAnswer(BaseModel):
    """A request; nothing of it says who reported it."""

    service_request_id: str = Field(examples=["sr-2bb4aded7b26ce10c7a2"])
    status: Literal["open", "closed"]
    status_notes: str = Field(examples=["已受理，待核实 Received, not reviewed yet"])
    service_name: str = Field(examples=["占道经营 Roadside vending"])
    service_code: str = Field(examples=["09006"])
    description: str = Field(examples=["路口有流动摊贩，影响通行"])
    agency_responsible: str | None
    service_notice: str | None
    requested_datetime: str = Field(examples=["2026-03-14T15:30:00+08:00"])
    updated_datetime: str = Field(examples=["2026-03-14T15:30:00+08:00"])
    expected_datetime: str | None = Field(examples=["2026-03-14T17:30:00+08:00"])
    address: str | None = Field(examples=["北京路与江津路交叉口"])
    address_id: None
    zipcode: None
    lat: float | None = Field(examples=[30.3126])
    long: float | None = Field(examples=[112.2551])
    media_url: str | None = Field(description="A link to a masked picture; it expires.")


class PostedAnswer(BaseModel):
    service_request_id: str = Field(examples=["sr-2bb4aded7b26ce10c7a2"])
    service_notice: str
    account_id: None


class ErrorAnswer(BaseModel):
    code: int = Field(examples=[400])
    description: str = Field(examples=["service_code was not provided 缺少 service_code"])


DISCOVERY: Any = DiscoveryAnswer
SERVICES: Any = list[ServiceAnswer]
DEFINITION: Any = DefinitionAnswer
REQUESTS: Any = list[RequestAnswer]
POSTED: Any = list[PostedAnswer]

_XML = {"text/xml": {"schema": {"type": "string"}}}


def _documented(model: Any, description: str) -> dict[str, Any]:
    return {"model": model, "description": description, "content": _XML}


def answers_with(model: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The answer in JSON, and the same in XML."""
    return {status: _documented(model, "As asked for: .json or .xml")}


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": _documented(
        list[ErrorAnswer], "400 a wrong request, 403 a wrong key, 404 no such thing, 429 too often"
    ),
    503: _documented(list[ErrorAnswer], "Come back after Retry-After seconds"),
}


def _text(most: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "maxLength": most, **more}


FORM_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        FORM: {
            "schema": {
                "type": "object",
                "required": ["service_code"],
                "properties": {
                    "api_key": {"type": "string"},
                    "service_code": {"type": "string", "examples": ["09006"]},
                    "lat": {"type": "number", "examples": [30.3126], "description": "WGS84"},
                    "long": {"type": "number", "examples": [112.2551], "description": "WGS84"},
                    "address_string": _text(256, description="Where, if lat and long are unknown"),
                    "description": _text(4000, examples=["路口有流动摊贩，影响通行"]),
                    "media_url": _text(2000, description="Kept for the desk, never fetched"),
                    **{name: _text(200) for name in CONTACT},
                },
            }
        }
    },
}
