"""Taking pictures and form fields out of a request."""

from __future__ import annotations

from typing import NamedTuple

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from cv.errors import ImageError
from serve.limits import Limits, body_too_large
from serve.problems import FormError

__all__ = ["Upload", "read_body", "read_upload"]

_MAX_FIELDS = 20


class Upload(NamedTuple):
    """`images` in the order of the form, each as its bytes."""

    images: list[bytes]
    fields: dict[str, str]


class _Parser(MultiPartParser):
    """Keeps files in memory, where `BodyLimit` bounds them: a spool on disk halves the rate."""

    spool_max_size = 1 << 30

    def on_part_end(self) -> None:
        """Refuse text that is not UTF-8: Starlette would take it for Latin-1, and keep garbage."""
        part = self._current_part
        if part.file is None:
            try:
                part.data.decode()
            except UnicodeDecodeError as error:
                raise FormError(
                    f"{part.field_name}: not UTF-8", f"字段 {part.field_name} 不是 UTF-8 编码"
                ) from error
        super().on_part_end()


async def read_body(request: Request, limits: Limits) -> bytes:
    """The picture of a request that is a picture, or a form with one.

    Raises:
        ImageError: 413 too large, 415 neither picture nor form.
        FormError: 422 a form without exactly one picture, or an empty body; else as `read_upload`.
    """
    kind = _kind(request)
    if kind == "multipart/form-data":
        return (await read_upload(request, limits)).images[0]
    if kind and not kind.startswith("image/") and kind != "application/octet-stream":
        raise ImageError(
            f"content type {kind!r}: send image/jpeg, image/png, image/webp, image/heic or "
            "multipart/form-data",
            status=415,
            message_zh="请以图片或 multipart/form-data 上传",
        )
    data = await request.body()
    if not data:
        raise FormError("the body is empty; send a picture", "请求内容为空，请上传图片")
    if len(data) > limits.image_bytes:
        raise body_too_large(limits.image_bytes)
    return data


async def read_upload(
    request: Request, limits: Limits, *, most: int = 1, whole: bool = True
) -> Upload:
    """A form's pictures, all in the field `image`, and its other fields.

    Args:
        most: so many pictures at most; one at least.
        whole: refuse the request for one picture that is empty or has too many bytes; else its
            bytes are left to who decodes them.

    Raises:
        ImageError: 413 too large, 415 not a form.
        FormError: 422 no picture, too many, or a field that is a file or not UTF-8; 400 another
            charset.
        HTTPException: 400 what cannot be parsed, or a field of more than `limits.text_bytes`.
    """
    if _kind(request) != "multipart/form-data":
        raise ImageError(
            "send multipart/form-data with the picture in the field `image`",
            status=415,
            message_zh="请使用 multipart/form-data，图片字段名为 image",
        )
    _refuse_other_charsets(request)
    parser = _Parser(
        request.headers,
        request.stream(),
        max_files=most + 1,
        max_fields=_MAX_FIELDS,
        max_part_size=limits.text_bytes,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, error.message) from error
    try:
        files = [value for value in form.getlist("image") if isinstance(value, UploadFile)]
        if not 1 <= len(files) <= most:
            wanted = "exactly one" if most == 1 else f"one to {most}"
            raise FormError(
                f"{len(files)} pictures in the field `image`; send {wanted}",
                f"字段 image 须包含 1 至 {most} 张图片",
            )
        fields = _fields(form)
        images = [await file.read() for file in files]
    finally:
        await form.close()
    for number, data in enumerate(images, 1):
        name = "image" if most == 1 else f"image {number}"
        if whole and not data:
            raise FormError(f"{name}: the file is empty", "图片文件为空")
        if whole and len(data) > limits.image_bytes:
            raise body_too_large(limits.image_bytes)
    return Upload(images, fields)


def _refuse_other_charsets(request: Request) -> None:
    """Starlette would decode with whatever codec of Python the client names, and some raise."""
    _, options = parse_options_header(request.headers["content-type"])
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise FormError("the form's charset: send UTF-8", "表单编码须为 UTF-8", status=400)


def _fields(form: FormData) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "image":
                raise FormError(f"{name}: not a file field", f"字段 {name} 不应为文件")
        elif name in fields:
            raise FormError(f"{name}: given twice", f"字段 {name} 重复")
        else:
            fields[name] = value
    return fields


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()
