"""Values of documents and queries as the fields of the mapping hold them."""

from __future__ import annotations

import json
import math
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.dates import millis, time_zone
from relevance.errors import InputError

if TYPE_CHECKING:
    from relevance.schema import Field

_RANGES = {"byte": 1 << 7, "short": 1 << 15, "integer": 1 << 31, "long": 1 << 63}


def text_of(value: Any) -> str:
    """Write a value as a text field or a keyword reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def units(text: str) -> int:
    """Count UTF-16 units, as Java does."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def boolean_of(value: Any) -> int:
    """Read a truth value: 1 or 0."""
    if value in (True, "true"):
        return 1
    if value in (False, "false", ""):
        return 0
    raise InputError(f"{value!r} is no boolean; allowed: true, false")


def decimal_of(value: Any) -> float:
    """Read a number, which may be written as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InputError(f"{value!r} is no number")
    try:
        number = float(value)
    except ValueError:
        raise InputError(f"{value!r} is no number") from None
    if not math.isfinite(number):
        raise InputError(f"{value!r} is no finite number")
    return number


def rounded(number: float, kind: str) -> float:
    """Round a number to what a field of decimals holds."""
    if kind == "float":
        return float(np.float32(number))
    return float(np.float16(number)) if kind == "half_float" else number


def whole_of(value: Any, kind: str) -> int:
    """Read an integer of a document; decimals are cut off."""
    exact = isinstance(value, int) and not isinstance(value, bool)
    number = int(value) if exact else int(decimal_of(value))
    if not -_RANGES[kind] <= number < _RANGES[kind]:
        raise InputError(f"{value!r} is out of the range of {kind}")
    return number


def date_of(
    field: Field, value: Any, *, round_up: bool = False, form: str | None = None, zone: str | None = None
) -> int:
    """Read a date as milliseconds since 1970; `round_up` takes the last one that it may mean."""
    return millis(value, form or field.format, round_up=round_up, zone=time_zone(zone) if zone else UTC)


def number_of(field: Field, value: Any) -> float:
    """Read a value of a document for a field of numbers, dates or truth values.

    Raises:
        InputError: it is none.
    """
    if field.type == "boolean":
        return boolean_of(value)
    if field.type == "date":
        return date_of(field, value)
    if field.type in _RANGES:
        return whole_of(value, field.type)
    return rounded(decimal_of(value), field.type)
