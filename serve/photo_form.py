"""What a citizen says beside the pictures: the form of `POST /v1/photos`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from cv.gcj02 import gcj02_to_wgs84
from cv.labels import Matter
from cv.photos.record import PhotoLocation
from cv.plain_text import one_line, plain_text
from cv.plausible_place import is_place
from cv.plausible_time import is_plausible
from serve.parameter_types import Degrees, Moment
from serve.problems import FormError

__all__ = ["MOST_IMAGES", "PhotoForm", "form_of", "form_schema", "location_of"]

MOST_IMAGES = 5
_SYSTEMS = {name.replace("-", ""): name for name in ("CGCS2000", "WGS84", "GCJ-02")}
"""By their names in capitals and without hyphens: apps write gcj02, WGS-84 and the like."""

_WORDS = {"address": one_line, "description": plain_text, "reporter": plain_text}


class PhotoForm(BaseModel):
    """The form's fields beside the picture; all optional, none unknown."""

    model_config = ConfigDict(extra="forbid")

    lon: Degrees | None = Field(None, ge=-180, le=180, examples=[112.2613])
    lat: Degrees | None = Field(None, ge=-90, le=90, examples=[30.3107])
    coord_sys: Literal["CGCS2000", "WGS84", "GCJ-02"] = Field(
        "WGS84", description="Phones and maps in China give GCJ-02."
    )
    captured_at: Moment | None = Field(None, examples=["2026-03-14T15:30:00+08:00"])
    address: str | None = Field(None, max_length=256, examples=["北京路与江津路交叉口向西50米路南"])
    description: str | None = Field(None, max_length=4000, examples=["占道摆摊，影响通行"])
    category: Matter | None = Field(None, description="The matter that the citizen chose.")
    reporter: str | None = Field(None, max_length=200, description="An opaque reference.")
    report: bool = Field(
        False, description="Open a case for review, or join the open one about the same thing."
    )

    @field_validator("coord_sys", mode="before")
    @classmethod
    def _however_written(cls, name: str) -> str:
        return _SYSTEMS.get(name.upper().replace("-", "").replace("_", ""), name)

    @model_validator(mode="after")
    def _whole_point(self) -> Self:
        if (self.lon is None) != (self.lat is None):
            raise ValueError("lon and lat go together")
        return self

    @field_validator("captured_at")
    @classmethod
    def _of_our_time(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and not is_plausible(moment, datetime.now(UTC)):
            raise ValueError("must be between 1970 and now")
        return moment


def form_schema() -> dict[str, Any]:
    """The form as OpenAPI has it."""
    schema = PhotoForm.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    properties: dict[str, Any] = schema["properties"]
    properties["category"] = {
        "anyOf": [{"type": "string", "enum": [str(matter) for matter in Matter]}]
    }
    image = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_IMAGES,
        "items": {"type": "string", "format": "binary"},
        "description": "JPEG, PNG, WebP or HEIC: near, far. The field is repeated.",
    }
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "additionalProperties": False,
                    "properties": {"image": image, **properties},
                }
            }
        },
    }


def form_of(fields: Mapping[str, str]) -> PhotoForm:
    """Check the fields that came beside the pictures; empty ones count as left out.

    Raises:
        FormError: 422, a field is unknown or wrong.
    """
    read = {name: _WORDS.get(name, str.strip)(value) for name, value in fields.items()}
    given = {name: text for name, text in read.items() if text}
    try:
        return PhotoForm.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "lon, lat"
        raise FormError(f"{where}: {first['msg']}", f"字段有误：{where}") from error


def location_of(form: PhotoForm) -> PhotoLocation | None:
    """As given, GCJ-02 converted; None: the form says no place."""
    if form.lon is None or form.lat is None or not is_place(form.lon, form.lat):
        return None
    if form.coord_sys == "GCJ-02":
        lon, lat = gcj02_to_wgs84(form.lon, form.lat)
        given: dict[str, float | str] = {"lon": form.lon, "lat": form.lat, "coord_sys": "GCJ-02"}
        return PhotoLocation(
            lon=round(lon, 7), lat=round(lat, 7), coord_sys="CGCS2000", origin="form", given=given
        )
    return PhotoLocation(lon=form.lon, lat=form.lat, coord_sys=form.coord_sys, origin="form")
