"""Numbers that are written as texts: Python reads more than a server does (`1_000`, `١٢`, `nan`), and less (`12f`)."""

from __future__ import annotations

import math
import re

_DECIMAL = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_HEXADECIMAL = r"0[xX](?:[\da-fA-F]+\.?[\da-fA-F]*|\.[\da-fA-F]+)[pP][+-]?\d+"
_PLAIN = re.compile(rf"[+-]?{_DECIMAL}", re.ASCII)
_JAVA = re.compile(rf"[+-]?(?:NaN|Infinity|(?:{_DECIMAL}|({_HEXADECIMAL}))[fFdD]?)", re.ASCII)
_NOT_PRINTED = "".join(map(chr, range(33)))


def is_decimal(text: str) -> bool:
    """Whether a text is a number in ASCII and nothing else."""
    return _PLAIN.fullmatch(text) is not None


def plain_decimal(text: str) -> float:
    """Read such a number.

    Raises:
        ValueError: it is none.
    """
    if not is_decimal(text):
        raise ValueError(text)
    return float(text)


def java_decimal(text: str) -> float:
    """Read a number as Java's `Double.parseDouble` does.

    Raises:
        ValueError: it is none.
    """
    text = text.strip(_NOT_PRINTED)
    number = _JAVA.fullmatch(text)
    if number is None:
        raise ValueError(text)
    digits = text.rstrip("fFdD")
    try:
        return float.fromhex(digits) if number[1] else float(digits)
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf
