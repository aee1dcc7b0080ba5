"""Values of documents: what a field takes is what servers of 8.19.5 and 9.5.2 took, and refused with status 400."""

from typing import Any

import pytest

from relevance.errors import InputError
from relevance.schema import Schema
from relevance.values import allowed_of, check_value, number_of

OPTIONS: dict[str, dict[str, Any]] = {
    "strict": {"type": "integer", "coerce": False},
    "short_keyword": {"type": "keyword", "ignore_above": 100},
}
ANSWERED: dict[str, tuple[list[Any], list[Any]]] = {
    "keyword": (["x" * 32766, ""], ["x" * 32767, "é" * 16384]),
    "short_keyword": (["x" * 32767], []),
    "float": ([3.4e38, "1.5"], [3.5e38, -1e39, "NaN", True]),
    "half_float": ([65504, 65519], [65520]),
    "double": ([1e308, " 1.5 ", ""], ["NaN", "x", False]),
    "boolean": ([True, "true", "false", ""], [1, 0, "True", "on", "no"]),
    "date": (["2024", "2024-02-29", 20240101, 1.5, "1714521600000"], ["", True, "2024-02-30", "1.2.2024", "now"]),
    "long": (["9223372036854775807", "", "1e3"], [9.3e18, "0x10", True, 2**63]),
    "byte": ([127.9, -128.5], [128, -129]),
    "strict": ([5.0, 5], ["5", 5.5]),
}
CASES = [
    (kind, value, at == 0) for kind, both in ANSWERED.items() for at, values in enumerate(both) for value in values
]


@pytest.mark.parametrize(("kind", "value", "taken"), CASES, ids=lambda one: str(one)[:12])
def test_what_a_field_takes(kind: str, value: Any, *, taken: bool) -> None:
    options = OPTIONS.get(kind, {"type": kind})
    field = Schema.of({"mappings": {"properties": {"f": options}}}).fields["f"]
    if taken:
        check_value(field, value)
        return
    with pytest.raises(InputError):
        check_value(field, value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("half_float", "a number from -65504 to 65504"),
        ("float", "a number from -3.40282e+38 to 3.40282e+38"),
        ("keyword", "a text of at most 32,766 bytes, or ignore_above in the mapping"),
        ("byte", "a number from -128 to 127"),
        ("boolean", "true, false"),
    ],
)
def test_what_is_allowed_in_words(kind: str, words: str) -> None:
    assert allowed_of(Schema.of({"mappings": {"properties": {"f": {"type": kind}}}}).fields["f"]) == words


def test_a_number_out_of_range_is_none() -> None:
    field = Schema.of({"mappings": {"properties": {"f": {"type": "half_float"}}}}).fields["f"]
    with pytest.raises(InputError, match="'1e9' is out of the range of half_float; allowed: a number from -65504"):
        number_of(field, "1e9")
