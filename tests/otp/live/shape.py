"""The journal format's shapes, as far as types can say them."""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any
Json: TypeAlias = dict[str, Value]
