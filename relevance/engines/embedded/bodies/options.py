"""How the options of a clause are read: values of JSON, which may be written as texts.

A reader takes a value and gives what it means, or says in a `ValueError` what is allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from relevance.engines.embedded.bodies.edits import ALLOWED as FUZZINESS
from relevance.engines.embedded.bodies.edits import fuzziness
from relevance.engines.embedded.bodies.minimum import ALLOWED as MINIMUM
from relevance.engines.embedded.bodies.minimum import normal
from relevance.errors import NotInterpretedError
from relevance.values import text_of

Read: TypeAlias = Callable[[Any], Any]
Options: TypeAlias = Mapping[str, tuple[Read, Any]]
"""What a clause takes: how each option is read, and what stands for it where it is left out."""

_LARGEST = 2**31 - 1
_TOO_LARGE = float(2**128 - 2**103)
"""From here on a float32 is infinite."""


def flag(value: Any) -> bool:
    """Read true or false."""
    if value is True or value == "true":
        return True
    if value is False or value in ("false", ""):
        return False
    raise ValueError("allowed: true, false")


def decimal(value: Any) -> float:
    """Read a number."""
    if isinstance(value, bool):
        raise ValueError("a number is expected")  # noqa: TRY004 - it is said as that of texts is
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("a number is expected") from None
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("a finite number is expected")
    return number


def not_negative(value: Any) -> float:
    """Read a number of 0 or more."""
    number = decimal(value)
    if number < 0:
        raise ValueError("a number of 0 or more is expected")
    return number


def boost_value(value: Any) -> float:
    """Read a number of 0 or more that a float32 holds."""
    number = not_negative(value)
    if number >= _TOO_LARGE or math.copysign(1, number) < 0:
        raise ValueError("a number of 0 or more, up to 3.4e38, is expected")
    return number


def share(value: Any) -> float:
    """Read a number between 0 and 1."""
    number = decimal(value)
    if not 0 <= number <= 1:
        raise ValueError("a number from 0 to 1 is expected")
    return number


def whole(value: Any) -> int:
    """Read a whole number of 0 or more; decimals are cut off."""
    number = int(decimal(value))
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"a whole number from 0 to {_LARGEST:,} is expected")
    return number


def positive(value: Any) -> int:
    """Read a whole number above 0."""
    number = int(decimal(value))
    if not 0 < number <= _LARGEST:
        raise ValueError(f"a whole number above 0, up to {_LARGEST:,}, is expected")
    return number


def single(value: Any) -> Any:
    """Take a text, a number or a truth value as it is."""
    if isinstance(value, Mapping | list) or value is None:
        raise ValueError("a text, a number or a truth value is expected")
    return value


def text(value: Any) -> str:
    """Read a text; numbers are written as one."""
    if isinstance(value, Mapping | list) or value is None:
        raise ValueError("a text is expected")
    return text_of(value)


def name(value: Any) -> str:
    """Read a text that is not empty."""
    if not text(value):
        raise ValueError("a name is expected")
    return text(value)


def names(value: Any) -> tuple[str, ...]:
    """Read a list of texts, or one."""
    return tuple(map(text, value)) if isinstance(value, list) else (text(value),)


def listed_names(value: Any) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list):
        raise ValueError("a list is expected")  # noqa: TRY004 - it is said as that of texts is
    return names(value)


def anything(value: Any) -> Any:
    """Take any value."""
    return value


def choice(*allowed: str) -> Read:
    """Read one of some words, in any case."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in allowed:
            raise ValueError(f"allowed: {', '.join(allowed)}")
        return value.lower()

    return read


def minimum(value: Any) -> str:
    """Read a `minimum_should_match`."""
    if (rule := normal(value)) is None:
        raise ValueError(f"allowed: {MINIMUM}")
    return rule


def edits(value: Any) -> str:
    """Read a `fuzziness`."""
    if fuzziness(value) is None:
        raise ValueError(f"allowed: {FUZZINESS}")
    return str(value)


_OTHER_REWRITES = re.compile(r"scoring_boolean|top_terms_(boost_|blended_freqs_)?\d+")


def rewrite_of(*allowed: str) -> Read:
    """Read a `rewrite`, of which a server knows more values."""

    def read(value: Any) -> str:
        if value not in allowed and isinstance(value, str) and _OTHER_REWRITES.fullmatch(value):
            raise NotInterpretedError(f"rewrite = {value!r} is not interpreted; allowed: {', '.join(allowed)}")
        return str(choice(*allowed)(value))

    return read
