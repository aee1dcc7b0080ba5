"""What can go wrong, as exceptions of one line each: what was found, where, and what is allowed."""

from __future__ import annotations

import difflib
import errno
from typing import TYPE_CHECKING

from relevance.text import printable, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "CouldNotRunError",
    "InputError",
    "NotInterpretedError",
    "RelevanceError",
    "StrategyError",
    "did_you_mean",
    "several",
    "unknown",
    "unusable_path",
]

_SHOWN = 60
_LINES = 20


class RelevanceError(Exception):
    """Base of every error that is meant for the user's eyes.

    Args:
        text: one line; what a terminal or a CI log would obey is escaped.
        details: further lines that are printed below it, such as the end of a server's log; escaped likewise.
    """

    def __init__(self, text: str = "", *, details: Iterable[str] = ()) -> None:
        super().__init__(printable(text))
        self.details = tuple(printable(line) for detail in details for line in detail.splitlines())


class InputError(RelevanceError):
    """Bad input or usage: a file, an option or a name that is not allowed (pytest: exit code 4)."""


class NotInterpretedError(InputError):
    """A part of a search body that the embedded engine does not interpret; a server may."""


class StrategyError(InputError):
    """A strategy gives no ranking: its own search body, or what ranks from outside; the others go on."""


class CouldNotRunError(RelevanceError):
    """Nothing wrong with the input, but a part is not there: an engine, a device, a model (pytest: exit code 7)."""


def several(errors: Sequence[InputError]) -> InputError:
    """Make one error of several: the first, with the lines of the others below it, twenty in all."""
    first, *others = (line for error in errors for line in (str(error), *error.details))
    more = len(others) + 1 - _LINES
    return InputError(first, details=[*others[: _LINES - 1], *([f"and {more:,} more"] if more > 0 else ())])


def unusable_path(error: OSError) -> RelevanceError:
    """What the system says of a path that nothing else was said of: a name that it cannot take is bad input."""
    reason = error.strerror or type(error).__name__
    line = reason if error.filename is None else f"{_shortened(str(error.filename))}: {reason}"
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return InputError(f"{line}; allowed: another path")
    return CouldNotRunError(line)


def unknown(what: str, name: str, allowed: Iterable[str]) -> str:
    """The line that says a name is not known: the nearest spelling, and what is allowed."""
    names, name = list(allowed), without_credentials(name)
    return f"unknown {what} {_shortened(name)!r}{did_you_mean(name, names)}; allowed: {', '.join(names)}"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Put the nearest of some names in words, behind a space; "" where none is near."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
