"""How a setting is declared: a field of a frozen record, whose annotation says what it takes.

    timeout: Annotated[int, Interval(ge=1, le=86_400)] = setting("seconds until …", "--es-timeout SECONDS", default=60)

Everything else comes out of that line: reading and checking (`relevance.config`), option and variable, origin, and the
row of docs/configuration.md. Nothing heavy is imported here, so that `pytest --help` stays fast; the checks are made by
pydantic, which is loaded where a configuration is read.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, Le, MinLen, Predicate

from relevance.errors import InputError, did_you_mean
from relevance.numerals import plain_decimal
from relevance.text import without_credentials

_SHOWN = 60


@dataclass(frozen=True)
class Takes:
    """What a setting takes, in words: how the page calls it, and what a message says is allowed.

    `empty`: an empty variable is a text that is empty, and not none.
    """

    label: str
    allowed: str = ""
    empty: bool = False


@dataclass(frozen=True)
class OneOf:
    """The names that a setting can have, where they are the keys of a table."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """The type that is written in the file, where the record holds what is made of it."""

    hint: Any


_FILLED = Predicate(lambda value: bool(value.strip()) and "\0" not in value)
_NO_NULL = Predicate(lambda value: "\0" not in value)

Text = Annotated[str, _FILLED, Takes("text", "a text in quotes that is not empty")]
EmptyText = Annotated[str, _NO_NULL, Takes("text", "a text in quotes", empty=True)]
Names = Annotated[tuple[Text, ...], MinLen(1), Takes("list of names", 'a list of names, such as ["textsearch", "rrf"]')]
Texts = Annotated[Mapping[str, Text], MinLen(1), Takes("table of texts", 'a table of texts, such as {title = "name"}')]
Location = Annotated[Path, Written(Text), Takes("path", "a path in quotes")]
Locations = Annotated[
    tuple[Path, ...], Written(Names), Takes("list of paths", 'a list of paths, such as ["main.json", "release.json"]')
]
Count = Annotated[int, Ge(0), Takes("whole number", "a whole number of 0 or more")]
Grade = Annotated[int | float, Interval(ge=0, lt=float("inf")), Takes("number", "a number of 0 or more")]
Grades = Annotated[Mapping[str, Grade], MinLen(1), Takes("table of grades", "a table of grades, such as {Exact = 2}")]
UnknownProducts = Literal["error", "drop"]
Part = Annotated[int | float, Interval(ge=0, le=1), Takes("number", "a number from 0 to 1")]
Share = Annotated[int | float, Gt(0), Le(1), Takes("number", "a number above 0 and up to 1")]


def setting(  # noqa: PLR0913 - what a setting can be
    meaning: str,
    option: str = "",
    *,
    default: Any = None,
    words: str = "",
    variable: str = "",
    command: str = "",
    outside: bool = False,
) -> Any:
    """Declare a field of a frozen record as a setting.

    Args:
        meaning: in one line.
        option: on the command line, with what stands for its value there (`--out DIR`); "" where there is none. In
            `[models.NAME]` it sets the model `base`.
        default: the field's own.
        words: the default in words, where its value does not say it.
        variable: the environment's, where it is not `RELEVANCE_` and the option's name.
        command: the one command of `relevance` that takes the option; "": all do, and pytest.
        outside: whether it is set by who starts a session alone, not by the project: neither the file nor `addopts`.
    """
    name, _, metavar = option.partition(" ")
    metadata: dict[str, object] = {
        "meaning": meaning,
        "default": words or text_of(default),
        "option": name,
        "metavar": metavar,
    }
    metadata |= {"command": command, "named_variable": variable, "outside": outside}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Key:
    """A setting as it is declared.

    Attributes:
        table: of the file: `models.NAME`.
        name: of the field, which is the key in its table.
        hint: the field's annotation.
        default: what holds where it is not set, in words.
        option: `--out`, "" where there is none; `metavar` stands for its value in help, "" for one without.
    """

    table: str
    name: str
    hint: Any
    meaning: str = ""
    default: str = ""
    option: str = ""
    metavar: str = ""
    command: str = ""
    named_variable: str = ""
    outside: bool = False

    @property
    def path(self) -> str:
        """In the file, `models.NAME.query_prompt`."""
        return f"{self.table}.{self.name}" if self.table else self.name

    @property
    def dest(self) -> str:
        """The option's name in Python, "" where there is none."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable, "" where there is none."""
        name = f"{self.command}_{self.name}" if self.command else self.dest
        return self.named_variable or (f"RELEVANCE_{name.upper()}" if self.option else "")

    def _marker(self, kind: type) -> Any:
        """The nearest marker of a type in the annotation, None where there is none."""
        return next((part for part in _parts(self.hint) if isinstance(part, kind)), None)

    @cached_property
    def type(self) -> Any:
        """What the record holds, without annotations and None: `int`, `Path`; `float` where that or an int is."""
        types_held = [part for part in _parts(self.hint) if isinstance(part, type) or get_origin(part)]
        return float if types_held == [int, float] else types_held[0]

    def number(self, text: str) -> Any:
        """The number that the text of an option or a variable writes; where it writes none, the text as it is.

        Of a setting that is a list: one of its numbers.
        """
        kinds = [*_parts(get_args(self.type)[0])] if self.is_list else [self.type]
        if int in kinds and re.fullmatch("-?[0-9]+", text):
            return int(text)
        if float in kinds:
            with suppress(ValueError):
                return plain_decimal(text)
        return text

    @property
    def is_flag(self) -> bool:
        """Whether an option says it all."""
        return self.type is bool

    @property
    def is_list(self) -> bool:
        """Whether its option can be repeated."""
        return get_origin(self.type) is tuple

    @property
    def choices(self) -> tuple[str, ...]:
        """All values, where they are few."""
        names: OneOf | None = self._marker(OneOf)
        return names.names if names else get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def takes(self) -> Takes:
        """In words."""
        if self.choices:
            *most, last = [f'`"{name}"`' for name in self.choices]
            return Takes(f"{', '.join(most)} or {last}", ", ".join(self.choices))
        if self.is_flag:
            return Takes("true or false", "true, false")
        takes: Takes | None = self._marker(Takes)
        if takes is None:
            bounds: Interval = self._marker(Interval)
            words = f"whole number from {bounds.ge} to {bounds.le:,}"
            return Takes(words, f"a {words}")
        return takes

    @cached_property
    def _adapter(self) -> Any:
        from pydantic import ConfigDict, TypeAdapter  # noqa: PLC0415 - a quarter of a second, `pytest --help` does without

        written: Written | None = self._marker(Written)
        return TypeAdapter(written.hint if written else self.hint, config=ConfigDict(strict=True))

    def checked(self, value: object, where: str) -> Any:
        """The value, if it is one that the annotation allows.

        Raises:
            InputError: it is none: where, the value, what is allowed.
        """
        from pydantic import ValidationError  # noqa: PLC0415 - as above

        try:
            valid = self._adapter.validate_python(tuple(value) if self.is_list and isinstance(value, list) else value)
        except ValidationError:
            valid = None
        if valid is None or (self.choices and valid not in self.choices):
            hint = did_you_mean(str(value), self.choices)
            raise InputError(f"{where} = {shown(value)}{hint}; allowed: {self.takes.allowed or 'a table'}") from None
        return types.MappingProxyType(valid) if isinstance(valid, dict) else valid


def _parts(hint: Any) -> Iterator[Any]:
    """Markers and bare types of an annotation, from the outside in; what is written in the file comes last."""
    if get_origin(hint) is Annotated:
        yield from reversed(hint.__metadata__)
        yield from _parts(hint.__origin__)
        yield from (part for marker in hint.__metadata__ if isinstance(marker, Written) for part in _parts(marker.hint))
    elif get_origin(hint) in (Union, types.UnionType):
        for one in get_args(hint):
            yield from _parts(one)
    elif hint is not types.NoneType:
        yield hint


def declared(record: type, table: str = "") -> tuple[Key, ...]:
    """The settings among the fields of a dataclass."""
    hints = get_type_hints(record, include_extras=True)
    return tuple(Key(table, each.name, hints[each.name], **each.metadata) for each in fields(record) if each.metadata)


def text_of(value: object) -> str:
    """A value for people: numbers and names as they are, lists by commas, tables as TOML has them in a line."""
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        parts = ((name, f"{{{text_of(one)}}}" if isinstance(one, Mapping) else one) for name, one in value.items())
        return ", ".join(f"{name} = {one}" for name, one in parts)
    return str(value)


def shown(value: object) -> str:
    """A value in one short line; what stands before an @ is left out, it may be a password whose URL is misspelt."""
    text = without_credentials(repr(value))
    if isinstance(value, str) and "@" in value and ":" in value:
        text = repr(f"…@{value.rpartition('@')[2]}")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
