"""Parts of multipart forms on the wire."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

File: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "binary"})]
"""A part with a file name, or of type `application/octet-stream`; it never lies in memory whole."""
