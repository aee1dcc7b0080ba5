"""What the value of a key can be: a check, and in words what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "Kind", "checked", "from_text", "shown"]

_SHOWN = 60


@dataclass(frozen=True)
class Kind:
    """A kind of value: how a page calls it, whether a value is of it, and what a message says is allowed."""

    label: str
    accepts: Callable[[object], bool]
    allowed: str


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_filled, value))


def _is_table_of(accepts: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, Mapping) and bool(value) and all(map(accepts, value.values()))


def _left_to_strategy(_: object) -> bool:
    """`Strategy` checks its boosts and its combination itself, whoever makes it."""
    return True


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "name": Kind("text", _is_filled, "a text in quotes"),
        "path": Kind("path", _is_filled, "a path in quotes"),
        "model": Kind("path or name", _is_filled, "a folder, or OWNER/NAME on the Hugging Face hub, in quotes"),
        "text": Kind("text", _is_text, "a text in quotes"),
        "names": Kind("list of names", _is_list_of_names, 'a list of names, such as ["textsearch", "rrf"]'),
        "number": Kind("whole number", _is_number, "a whole number"),
        "unknown_products": Kind('`"error"` or `"drop"`', lambda value: value in ("error", "drop"), "error, drop"),
        "texts": Kind("table of texts", _is_table_of(_is_filled), 'a table of texts, such as {title = "name"}'),
        "grades": Kind("table of whole numbers", _is_table_of(_is_number), "a table of grades, such as {Exact = 2}"),
        "boosts": Kind("table of numbers", _left_to_strategy, ""),
        "combination": Kind('`"sum"` or `"rrf"`', _left_to_strategy, ""),
    }
)


def shown(value: object) -> str:
    """A value in one short line."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def checked(kind: str, value: object, where: str) -> object:
    """The value.

    Raises:
        InputError: it is not of that kind.
    """
    if not KINDS[kind].accepts(value):
        raise InputError(f"{where} = {shown(value)}; allowed: {KINDS[kind].allowed}")
    return value


def from_text(kind: str, text: str) -> object:
    """What the text of an environment variable stands for; where it stands for nothing, the text."""
    if kind == "names":
        return [name.strip() for name in text.split(",")]
    return int(text) if kind == "number" and text.isascii() and text.isdigit() else text
