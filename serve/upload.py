"""Taking the picture and the form fields out of a request."""

from __future__ import annotations

from typing import NamedTuple

from starlette.datastructures import UploadFile
from starlette.requests import Request

from cv.errors import ImageError
from serve.limits import Limits, body_too_large
from serve.problems import FormError

__all__ = ["Upload", "read_body", "read_upload"]

_MAX_FIELDS = 20


class Upload(NamedTuple):
    image: bytes
    fields: dict[str, str]


async def read_body(request: Request, limits: Limits) -> bytes:
    """The picture of a request that is a picture, or a form with one.

    Raises:
        ImageError: 413 too large, 415 neither picture nor form.
        FormError: 422 a form without exactly one picture, or an empty body.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return (await read_upload(request, limits)).image
    if kind and not kind.startswith("image/") and kind != "application/octet-stream":
        raise ImageError(
            f"content type {kind!r}: send image/jpeg, image/png, image/webp or multipart/form-data",
            status=415,
            message_zh="请以图片或 multipart/form-data 上传",
        )
    data = await request.body()
    if not data:
        raise FormError("the body is empty; send a picture", "请求内容为空，请上传图片")
    if len(data) > limits.image_bytes:
        raise body_too_large(limits.image_bytes)
    return data


async def read_upload(request: Request, limits: Limits) -> Upload:
    """A form's single picture, field `image`, and its other fields.

    Raises:
        ImageError: 413 too large, 415 not a form.
        FormError: 422 no picture, several, or a field that is a file.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise ImageError(
            "send multipart/form-data with the picture in the field `image`",
            status=415,
            message_zh="请使用 multipart/form-data，图片字段名为 image",
        )
    async with request.form(max_files=2, max_fields=_MAX_FIELDS) as form:
        images = [value for value in form.getlist("image") if isinstance(value, UploadFile)]
        if len(images) != 1:
            raise FormError(
                f"{len(images)} pictures in the field `image`; send exactly one",
                "字段 image 须且只能包含一张图片",
            )
        fields: dict[str, str] = {}
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name != "image":
                    raise FormError(f"{name}: not a file field", f"字段 {name} 不应为文件")
            elif name in fields:
                raise FormError(f"{name}: given twice", f"字段 {name} 重复")
            else:
                fields[name] = value
        data = await images[0].read()
    if not data:
        raise FormError("image: the file is empty", "图片文件为空")
    if len(data) > limits.image_bytes:
        raise body_too_large(limits.image_bytes)
    return Upload(data, fields)
