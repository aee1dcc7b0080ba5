"""What the value of a key can be: a check, and in words what is allowed."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.config.options import DECIMALS, LISTS, WHOLE_NUMBERS
from relevance.engines import AUTO, ENGINES
from relevance.engines.elasticsearch.settings import VECTOR_INDICES
from relevance.errors import InputError
from relevance.finetune.recipe import LOSSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["KINDS", "Kind", "checked", "from_text", "shown"]

_SHOWN = 60
_DAY = 86_400
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_IMAGE = re.compile(r"[a-z0-9][\w.:/@-]*")
_MEMORY = re.compile(r"[1-9][0-9]{0,5}[mg]", re.IGNORECASE)
_INDEX = re.compile(r"[^-_+\s\\/*?\"<>|,#:][^\s\\/*?\"<>|,#:]*")


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        label: how a page calls it.
        accepts: whether a value is of it.
        allowed: what a message says is allowed.
        choices: all values, where they are few.
    """

    label: str
    accepts: Callable[[object], bool]
    allowed: str
    choices: tuple[str, ...] = ()


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


def _is_text_or_table_of_texts(value: object) -> bool:
    return _is_filled(value) or _is_table_of(_is_filled)(value)


def _left_to_its_value(_: object) -> bool:
    """`Strategy` checks its boosts and its combination itself, and `Limits` its numbers, whoever makes them."""
    return True


def _whole(lowest: int, highest: int) -> Kind:
    return Kind(
        f"whole number from {lowest} to {highest:,}",
        lambda value: _is_number(value) and isinstance(value, int) and lowest <= value <= highest,
        f"a whole number from {lowest} to {highest:,}",
    )


def _between_0_and_1(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1


def _one_of(names: Sequence[str]) -> Kind:
    quoted = [f'`"{name}"`' for name in names]
    label = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    return Kind(label, lambda value: value in names, ", ".join(names), tuple(names))


def _like(pattern: re.Pattern[str], label: str, allowed: str) -> Kind:
    return Kind(label, lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)), allowed)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "name": Kind("text", _is_filled, "a text in quotes"),
        "path": Kind("path", _is_filled, "a path in quotes"),
        "model": Kind("path or name", _is_filled, "a folder, or OWNER/NAME on the Hugging Face hub, in quotes"),
        "text": Kind("text", _is_text, "a text in quotes"),
        "names": Kind("list of names", _is_list_of_names, 'a list of names, such as ["textsearch", "rrf"]'),
        "files": Kind("list of paths", _is_list_of_names, 'a list of paths, such as ["main.json", "release.json"]'),
        "number": Kind("whole number", _is_number, "a whole number"),
        "seconds": _whole(1, _DAY),
        "shards": _whole(1, 1_024),
        "replicas": _whole(0, 1_000),
        "positive": _whole(1, 1_000),
        "batch": _whole(2, 65_536),
        "tokens": _whole(3, 1_000_000),
        "seed": _whole(0, 2**31),
        "share": Kind("number between 0 and 1", _between_0_and_1, "a number between 0 and 1, such as 0.2"),
        "rate": Kind("number between 0 and 1", _between_0_and_1, "a number between 0 and 1, such as 0.00005"),
        "loss": _one_of(LOSSES),
        "flag": Kind("true or false", lambda value: isinstance(value, bool), "true, false"),
        "engine": _one_of((AUTO, *ENGINES)),
        "vector_index": _one_of(VECTOR_INDICES),
        "unknown_products": _one_of(("error", "drop")),
        "url": Kind("URL", _is_filled, "a URL such as http://127.0.0.1:9200, in quotes"),
        "image": _like(_IMAGE, "image", "an image with its tag, in quotes"),
        "memory": _like(_MEMORY, "size", "a size as Java writes it: 512m, 2g"),
        "index": _like(_INDEX, "name", "the name of one index or alias"),
        "texts": Kind("table of texts", _is_table_of(_is_filled), 'a table of texts, such as {title = "name"}'),
        "paths": Kind(
            "table of texts",
            _is_table_of(_is_text_or_table_of_texts),
            'a table of texts, such as {title = "title_vector"}',
        ),
        "grades": Kind("table of whole numbers", _is_table_of(_is_number), "a table of grades, such as {Exact = 2}"),
        "boosts": Kind("table of numbers", _left_to_its_value, ""),
        "limit": Kind("number", _left_to_its_value, ""),
        "limits": Kind("table of tables", _left_to_its_value, ""),
        "combination": Kind('`"sum"` or `"rrf"`', _left_to_its_value, ""),
    }
)


def shown(value: object) -> str:
    """A value in one short line; what stands before an @ in a URL is left out, it may be a password."""
    text = repr(value)
    if isinstance(value, str) and "@" in value and ("//" in value or ":" in value):
        text = repr(f"…@{value.rpartition('@')[2]}")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def checked(kind: str, value: object, where: str) -> object:
    """The value.

    Raises:
        InputError: it is not of that kind.
    """
    one = KINDS[kind]
    if not one.accepts(value):
        near = difflib.get_close_matches(str(value), one.choices, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"{where} = {shown(value)}{hint}; allowed: {one.allowed}")
    return value


def from_text(kind: str, text: str) -> object:
    """What the text of an environment variable stands for; where it stands for nothing, the text."""
    if kind in LISTS:
        return [name.strip() for name in text.split(",")]
    if kind == "flag":
        return _FLAGS.get(text.lower(), text)
    if kind in DECIMALS:
        with contextlib.suppress(ValueError):
            return float(text)
    return int(text) if kind in WHOLE_NUMBERS and text.isascii() and text.isdigit() else text
