"""`minimum_should_match`: how many of the optional clauses have to match."""

from __future__ import annotations

import re

import numpy as np

from relevance.errors import InputError

_VALUE = r"[+-]?\d+%?"
_USABLE = re.compile(rf"{_VALUE}|\d+<{_VALUE}(?: \d+<{_VALUE})*")
_SPACE_AROUND_BOUND = re.compile(r"\s+<\s*|\s*<\s+")
_PERCENT = np.float32(0.01)
_LARGEST = 2**31 - 1

ALLOWED = "a number (2, -1), a share (75%, -25%) or conditions (2<75% 5<-2)"


def normal(spec: object) -> str | None:
    """Bring a `minimum_should_match` into one spelling; None where it is none."""
    if isinstance(spec, bool) or not isinstance(spec, (int, str)):
        return None
    text = _SPACE_AROUND_BOUND.sub("<", str(spec).strip())
    return text if _USABLE.fullmatch(text) else None


def required(spec: str, clauses: int) -> int:
    """Say how many of the clauses have to match; more than there are: nothing matches.

    Args:
        spec: as `normal` returns it.
        clauses: how many optional clauses there are.
    """
    needed = clauses if "<" in spec else _value(spec, clauses)
    for condition in spec.split(" ") if "<" in spec else ():
        bound, _, value = condition.partition("<")
        if clauses <= _whole(bound):
            break
        needed = _value(value, clauses)
    return max(needed, 0)


def _whole(text: str) -> int:
    if abs(float(text)) > _LARGEST:
        raise InputError(f"minimum_should_match: {text} is too large; allowed: up to {_LARGEST:,}")
    return int(text)


def _value(text: str, clauses: int) -> int:
    if not text.endswith("%"):
        number = _whole(text)
        return number + (clauses if number < 0 else 0)
    share = np.float32(clauses * _whole(text[:-1])) * _PERCENT  # in float32, then towards zero
    return int(share) + (clauses if share < 0 else 0)
