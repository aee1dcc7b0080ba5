"""Values of documents and queries as the fields of the mapping hold them."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.dates import millis, time_zone
from relevance.errors import InputError
from relevance.numerals import is_decimal, java_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.schema import Field

_RANGES = {
    **{name: (-(1 << bits), 1 << bits) for name, bits in (("byte", 7), ("short", 15), ("integer", 31), ("long", 63))},
    "unsigned_long": (0, 1 << 63),
}
"""From, and below what; of an unsigned_long the part that a long can hold."""
_LONG = ("long", "unsigned_long")


_DECIMALS: Mapping[str, type[np.floating[Any]]] = {"float": np.float32, "half_float": np.float16}
_LONGEST_TERM = 32_766
"""Bytes of UTF-8 that an index takes."""
_WHOLE = re.compile(r"[+-]?\d{1,40}")
"""Of any script."""
_HUGE = 10**40
_PLAIN = (1e-3, 1e7)
"""Between what decimals are written without an exponent."""


def text_of(value: Any) -> str:
    """Write a value of a query as a text field or a keyword reads it: decimals as Java does."""
    if isinstance(value, float) and value and math.isfinite(value) and not _PLAIN[0] <= abs(value) < _PLAIN[1]:
        sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
        first, *others = map(str, digits)
        return f"{'-' * sign}{first}.{''.join(others) or 0}E{int(exponent) + len(others)}"
    return source_text(value)


def source_text(value: Any) -> str:
    """Write a value of a document so: as it stands in the JSON that a server is sent."""
    return value if isinstance(value, str) else json.dumps(value)


def units(text: str) -> int:
    """Count UTF-16 units, as Java does."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def boolean_of(value: Any) -> int:
    """Read a truth value: 1 or 0."""
    if value is True or value == "true":
        return 1
    if value is False or value in ("false", ""):
        return 0
    raise InputError(f"{value!r} is no boolean; allowed: true, false")


def decimal_of(value: Any, *, infinite: bool = False) -> float:
    """Read a number, which may be written as a text; with `infinite`, one beyond all numbers or NaN too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InputError(f"{value!r} is no number; allowed: a number")
    try:
        number = java_decimal(value) if isinstance(value, str) else float(value)
    except ValueError:
        raise InputError(f"{value!r} is no number; allowed: a number") from None
    except OverflowError:
        number = math.inf if int(value) > 0 else -math.inf
    if not infinite and not math.isfinite(number):
        raise InputError(f"{value!r} is no finite number; allowed: a number")
    return number


def rounded(number: float, field: Field) -> float:
    """Round a number to what a field of decimals holds."""
    if field.scaling_factor and math.isfinite(number * field.scaling_factor):
        return math.floor(number * field.scaling_factor + 0.5) * (1 / field.scaling_factor)
    if field.type not in _DECIMALS:
        return number
    with np.errstate(over="ignore"):
        return float(_DECIMALS[field.type](number))


def scaled_bound(number: float, field: Field, *, is_low: bool, holds: bool) -> float:
    """The outermost value of a scaled_float that lies inside of a bound, which holds itself or not."""
    if not holds:
        number = math.nextafter(number, math.inf if is_low else -math.inf)
    scaled = number * field.scaling_factor
    if not math.isfinite(scaled):
        return scaled
    return (math.ceil(scaled) if is_low else math.floor(scaled)) * (1 / field.scaling_factor)


def whole_of(value: Any, kind: str) -> int:
    """Read an integer of a document; decimals are cut off."""
    is_long = kind in _LONG
    if is_long and isinstance(value, str) and _WHOLE.fullmatch(value):
        number = int(value)
    elif math.isnan(exact := exact_of(value, kind)) and not is_long:
        number = 0  # as Java makes a whole number of it
    else:
        number = int(exact) if math.isfinite(exact) else int(decimal_of(value))
    low, high = _RANGES[kind]
    if not low <= number < high:
        raise InputError(f"{value!r} is out of the range of {kind}; allowed: {low:,} to {high - 1:,}")
    return number


def exact_of(value: Any, kind: str) -> float:
    """Read a number of a type of whole ones; those beyond what a float tells apart too."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _HUGE:
        return value
    number = decimal_of(value, infinite=True)
    if kind not in _LONG or not isinstance(value, str) or not number.is_integer():
        return number
    if not is_decimal(value):  # a server reads whole ones of a long once more, by narrower rules
        raise InputError(f"{value!r} is no number; allowed: a number")
    return int(Decimal(value)) if abs(number) < _HUGE else number


def is_whole(field: Field) -> bool:
    """Whether a field holds whole numbers; of dates and truth values it is not asked."""
    return field.type in _RANGES


def in_range(number: float, field: Field) -> bool:
    """Whether a server takes a number in a query on a field of whole numbers; on a small one, it takes any integer."""
    low, high = _RANGES["integer" if field.type in ("byte", "short") else field.type]
    return low <= number < high


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
    number = rounded(decimal_of(value), field)
    if not math.isfinite(number):
        raise InputError(f"{value!r} is out of the range of {field.type}; allowed: {allowed_of(field)}")
    return number


def allowed_of(field: Field) -> str:
    """What documents may hold in a field, in words."""
    if field.value is not None:
        return repr(field.value)
    if field.type in _RANGES:
        low, high = _RANGES[field.type]
        return f"a number from {low:,} to {high - 1:,}"
    if field.type in _DECIMALS:
        most = np.finfo(_DECIMALS[field.type]).max
        return f"a number from {-most:g} to {most:g}"
    if field.type == "keyword":
        return f"a text of at most {_LONGEST_TERM:,} bytes, or ignore_above in the mapping"
    return {"boolean": "true, false", "date": field.format}.get(field.type, "a number")


def refuses_values(field: Field) -> bool:
    """Whether there are values of a document that a field does not take."""
    if field.value is not None or field.kind == "keyword":
        return True
    return field.is_number and field.kind != "token_count" and not field.ignore_malformed


def check_value(field: Field, value: Any) -> None:
    """Refuse a value of a document that its field does not take.

    Raises:
        InputError: it is of another type, or out of range.
    """
    if field.value is not None and value != field.value:
        raise InputError(f"{value!r} is another value")
    if field.type == "keyword":
        _check_length(field, value)
    if not field.is_number or not refuses_values(field) or value is None:
        return
    if value == "" and field.type not in ("boolean", "date") and field.coerce:
        return
    number = number_of(field, value)
    if not field.coerce and field.type not in ("boolean", "date") and (isinstance(value, str) or number != value):
        raise InputError(f"{value!r} is not of type {field.kind}, and coerce is false")


def _check_length(field: Field, value: Any) -> None:
    text = source_text(value)
    if len(text) <= _LONGEST_TERM // 4 or (field.ignore_above is not None and units(text) > field.ignore_above):
        return
    if len(text.encode("utf-8", "surrogatepass")) > _LONGEST_TERM:
        raise InputError("the text is too long for one term")
