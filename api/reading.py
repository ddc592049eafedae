"""JSON bodies read into wire shapes, as leniently as clients have come to expect."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec.structs import NODEFAULT, FieldInfo, fields

from api.errors import Refusal
from api.exchange import Request

S = TypeVar("S", bound=msgspec.Struct)


def read_as(request: Request, shape: type[S], refusal: str) -> S:
    """Return the JSON body in this shape; unknown fields are ignored.

    A field whose value is of another type counts as not sent. Without one that must be there:
    400 with `refusal`.
    """
    if isinstance(request.json, shape):
        return request.json
    body = request.fields()
    found: dict[str, object] = {}
    for one in fields(shape):
        if one.encode_name in body:
            try:
                found[one.name] = msgspec.convert(body[one.encode_name], one.type)
            except msgspec.ValidationError:
                continue
    if any(_is_needed(one) and one.name not in found for one in fields(shape)):
        raise Refusal(400, refusal)
    return shape(**found)


def _is_needed(field: FieldInfo) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT
