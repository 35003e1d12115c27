"""POST /v1/photos: a citizen's photo (随手拍) in, suggestions out. Nothing is filed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from cv.detect.photo import Photo
from cv.gcj02 import gcj02_to_wgs84
from cv.labels import Matter
from cv.site import Site
from cv.suggest import suggest
from serve.analysis import Analysed, Analyser
from serve.answers import ExifAnswer, LocationAnswer, Missing, PhotoAnswer, detect_answer
from serve.detect import ERRORS
from serve.limits import Limits
from serve.problems import FormError
from serve.upload import read_upload

__all__ = ["PhotoForm", "photos_router"]

_MISSING = {
    "location": Missing(
        field="location",
        message_en="Where was it? Send lon, lat and coord_sys.",
        message_zh="缺少位置：请提供 lon、lat 和 coord_sys。",
    ),
    "captured_at": Missing(
        field="captured_at",
        message_en="When was it taken? Send captured_at, ISO 8601 with an offset.",
        message_zh="缺少拍摄时间：请提供带时区的 captured_at（ISO 8601）。",
    ),
    "address": Missing(
        field="address",
        message_en="Describe the place in words, with a landmark.",
        message_zh="缺少地点描述：请说明道路、方位和附近标志物。",
    ),
}


class PhotoForm(BaseModel):
    """The form's fields beside the picture; all optional, none unknown."""

    model_config = ConfigDict(extra="forbid")

    lon: float | None = Field(None, ge=-180, le=180, examples=[112.2613])
    lat: float | None = Field(None, ge=-90, le=90, examples=[30.3107])
    coord_sys: Literal["CGCS2000", "WGS84", "GCJ-02"] = Field(
        "WGS84", description="Phones and maps in China give GCJ-02."
    )
    captured_at: AwareDatetime | None = Field(None, examples=["2026-03-14T15:30:00+08:00"])
    address: str | None = Field(None, max_length=256, examples=["北京路与江津路交叉口向西50米路南"])
    description: str | None = Field(None, max_length=4000, examples=["占道摆摊，影响通行"])
    category: Matter | None = Field(None, description="The matter that the citizen chose.")
    reporter: str | None = Field(None, max_length=200, description="An opaque reference.")

    @model_validator(mode="after")
    def _whole_point(self) -> Self:
        if (self.lon is None) != (self.lat is None):
            raise ValueError("lon and lat go together")
        return self


def _body() -> dict[str, Any]:
    schema = PhotoForm.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    properties: dict[str, Any] = schema["properties"]
    properties["category"] = {
        "anyOf": [{"type": "string", "enum": [str(matter) for matter in Matter]}]
    }
    image = {
        "type": "string",
        "format": "binary",
        "description": "One JPEG, PNG, WebP or HEIC picture.",
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


def photos_router(analyser: Analyser, site: Site, limits: Limits) -> APIRouter:
    router = APIRouter(tags=["photos 随手拍"])

    @router.post(
        "/v1/photos",
        summary="Suggest what a citizen's photo may show 随手拍识别建议",
        responses=ERRORS,
        openapi_extra={"requestBody": _body()},
    )
    async def photos(request: Request) -> PhotoAnswer:
        """Detections, at most three suggestions with codes, and what a case would still need."""
        upload = await read_upload(request, limits)
        form = _form(upload.fields)
        return _answer(await analyser.analyse(upload.images[0]), form, analyser, site)

    return router


def _form(fields: dict[str, str]) -> PhotoForm:
    given = {name: value for name, value in fields.items() if value != ""}
    try:
        return PhotoForm.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "lon, lat"
        raise FormError(f"{where}: {first['msg']}", f"字段有误：{where}") from error


def _answer(analysed: Analysed, form: PhotoForm, analyser: Analyser, site: Site) -> PhotoAnswer:
    photo, detections, elapsed_s = analysed
    location = _location(form, photo)
    captured_at = form.captured_at or _exif_time(photo, site)
    gaps = {
        "location": location is None,
        "captured_at": captured_at is None,
        "address": form.address is None,
    }
    plain = detect_answer(photo, detections, analyser.detector, elapsed_s)
    return PhotoAnswer(
        **dict(plain),
        suggestions=suggest(detections, table=site.codes, width=photo.width, height=photo.height),
        location=location,
        captured_at=captured_at,
        category=form.category,
        exif=ExifAnswer(taken_at=photo.taken_at, lon=photo.lon, lat=photo.lat),
        missing=[_MISSING[name] for name, absent in gaps.items() if absent],
    )


def _location(form: PhotoForm, photo: Photo) -> LocationAnswer | None:
    """The form decides; the file's own GPS stands in, and says so."""
    if form.lon is None or form.lat is None:
        if photo.lon is None or photo.lat is None:
            return None
        return LocationAnswer(lon=photo.lon, lat=photo.lat, coord_sys="WGS84", origin="exif")
    if form.coord_sys == "GCJ-02":
        lon, lat = gcj02_to_wgs84(form.lon, form.lat)
        given: dict[str, float | str] = {"lon": form.lon, "lat": form.lat, "coord_sys": "GCJ-02"}
        return LocationAnswer(
            lon=round(lon, 7), lat=round(lat, 7), coord_sys="CGCS2000", origin="form", given=given
        )
    return LocationAnswer(lon=form.lon, lat=form.lat, coord_sys=form.coord_sys, origin="form")


def _exif_time(photo: Photo, site: Site) -> datetime | None:
    """EXIF time without an offset is taken on the site's clock."""
    taken = photo.taken_at
    return taken.replace(tzinfo=site.tz) if taken and taken.tzinfo is None else taken
