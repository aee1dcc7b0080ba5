"""JSON as data sets hold it: numbers as they are written, no key twice, and what an error calls a value."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from relevance.datasets.files import found
from relevance.datasets.tables import ID_RULE, is_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relevance.datasets.stream import TextStream
    from relevance.errors import InputError

__all__ = ["DECODER", "Number", "Record", "described", "lone_surrogate", "records", "scalar_text"]


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"found {constant}, which is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for at, key in enumerate(keys) if key in keys[:at])
        raise ValueError(f"found the key {found(repeated)} twice in one object")
    return made


DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse, object_pairs_hook=_object)
"""Strict JSON; ValueError (its subclass JSONDecodeError knows the place) or RecursionError for what is not allowed."""


def described(value: object) -> str:
    """A JSON value as errors show it."""
    if isinstance(value, Number):
        return f"the number {found(value)[1:-1]}"
    if isinstance(value, str):
        return found(value)
    kinds = {dict: "an object", list: "a list", bool: str(value).lower(), type(None): "null"}
    return kinds.get(type(value), "nothing")


def scalar_text(value: object) -> str | None:
    """Text as it is, a number as it is written, `true` or `false`; None for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else None


def lone_surrogate(texts: list[str]) -> str | None:
    """The first half of a surrogate pair that stands alone: no encoding can write it."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        return str(error.object[error.start])
    return None


_MISSING = object()


@dataclass(frozen=True)
class Record:
    """The object on a line of a JSON lines file."""

    stream: TextStream
    line: int
    value: dict[str, Any]

    def fault(self, key: str, value: object, allowed: str) -> InputError:
        """The error for the value of a key."""
        return self.stream.fault(self.line, f"found {described(value)}; allowed: {allowed}", at=f"key {found(key)}")

    def identifier(self, key: str) -> str:
        """An id: text, or a whole number, which is taken as it is written."""
        value = self.value.get(key, _MISSING)
        if isinstance(value, Number) and re.fullmatch(r"-?[0-9]+", value):
            return str(value)
        if not isinstance(value, str) or isinstance(value, Number) or not is_id(value):
            raise self.fault(key, value, f"{ID_RULE}, or a whole number")
        return value

    def text(self, key: str, *, required: bool) -> str:
        """Text; "" where it may be missing and is, or is null."""
        value = self.value.get(key, _MISSING)
        if not required and (value is _MISSING or value is None):
            return ""
        if not isinstance(value, str) or isinstance(value, Number):
            raise self.fault(key, value, "text")
        return value

    def attributes(self, key: str) -> list[tuple[str, str]]:
        """Name and value of an object's entries, in order; each value of a list is one, null is none."""
        value = self.value.get(key)
        if value is None:
            return []
        if not isinstance(value, dict):
            raise self.fault(key, value, "an object of names and values")
        made = []
        for name, entry in value.items():
            for one in entry if isinstance(entry, list) else (entry,):
                text = scalar_text(one)
                if text is not None:
                    made.append((name, text))
                elif one is not None:
                    raise self.fault(f"{key}.{name}", one, "text, a number, true, false, or a list of them")
        return made


def records(stream: TextStream) -> Iterator[Record]:
    """The objects of a JSON lines file; empty lines are left out.

    Raises:
        InputError: a line is no JSON object, holds a key twice or a lone surrogate; the file cannot be read.
    """
    for number, line in enumerate(stream.lines(), start=1):
        if line.isspace():
            continue
        value = _decoded(stream, number, line)
        if not isinstance(value, dict):
            raise stream.fault(number, f"found {described(value)}; allowed: one JSON object a line")
        if "\\u" in line and (lone := lone_surrogate([json.dumps(value, ensure_ascii=False)])):
            raise stream.fault(number, f"found {lone!r}; allowed: Unicode characters, no lone surrogate")
        yield Record(stream, number, value)


def _decoded(stream: TextStream, number: int, line: str) -> object:
    try:
        return DECODER.decode(line.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        if line.startswith("["):  # a JSON list spread over lines, the commonest mistake
            raise stream.fault(number, "found the start of a list; allowed: one JSON object a line") from error
        problem = f"{error.msg}; allowed: one JSON object a line"
        raise stream.fault(number, problem, at=f"column {error.colno}") from error
    except ValueError as error:
        raise stream.fault(number, f"{error}; allowed: one JSON object a line") from error
    except RecursionError as error:
        raise stream.fault(number, "is nested too deeply; allowed: one JSON object a line") from error
