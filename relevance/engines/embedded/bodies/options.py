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
from relevance.numerals import java_decimal
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
        number = java_decimal(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        raise ValueError("a number is expected") from None
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("a finite number is expected")
    return number


def single_precision(value: Any) -> float:
    """Read a number; one beyond a float32 is infinite."""
    number = decimal(value)
    return math.copysign(math.inf, number) if abs(number) >= _TOO_LARGE else number


def not_negative(value: Any) -> float:
    """Read a number of 0 or more; one beyond a float32 is infinite."""
    number = single_precision(value)
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


def _whole(value: Any) -> int:
    return 0 if value == "NaN" else int(decimal(value))  # as Java makes a whole number of it


def whole(value: Any) -> int:
    """Read a whole number of 0 or more; decimals are cut off."""
    number = _whole(value)
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"a whole number from 0 to {_LARGEST:,} is expected")
    return number


def positive(value: Any) -> int:
    """Read a whole number above 0."""
    number = _whole(value)
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


def written(value: Any) -> str:
    """Read a text; a number is none."""
    if not isinstance(value, str):
        raise ValueError("a text is expected")  # noqa: TRY004 - it is said as that of texts is
    return value


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


_CONSTANT = ("constant_score", "constant_score_blended", "constant_score_boolean")
_COUNTED = re.compile(r"top_terms_(boost_|blended_freqs_)?([0-9]{1,10})")


def rewrite(value: Any) -> str:
    """Read a `rewrite`: how the terms that a word stands for are put together."""
    counted = _COUNTED.fullmatch(value) if isinstance(value, str) else None
    if value in (*_CONSTANT, "scoring_boolean") or (counted and int(counted[2]) <= _LARGEST):
        return str(value)
    kinds = [f"top_terms_{kind}N" for kind in ("", "boost_", "blended_freqs_")]
    raise ValueError(f"allowed: {', '.join((*_CONSTANT, 'scoring_boolean', *kinds))}")


def constant_rewrite(value: Any) -> str:
    """Read a `rewrite` of a pattern, which scores the boost here."""
    if (read := rewrite(value)) not in _CONSTANT:
        raise NotInterpretedError(f"rewrite = {read!r} is not interpreted; allowed: {', '.join(_CONSTANT)}")
    return read


def expansions_of(rewriting: str, usual: int) -> int:
    """To how many terms a fuzzy word is expanded, of which only the usual way to score them is known."""
    counted = _COUNTED.fullmatch(rewriting)
    if not rewriting:
        return usual
    if counted is None or counted[1] != "blended_freqs_" or not int(counted[2]):
        allowed = "top_terms_blended_freqs_N with N above 0"
        raise NotInterpretedError(f"rewrite = {rewriting!r} of a fuzzy word is not interpreted; allowed: {allowed}")
    return int(counted[2])
