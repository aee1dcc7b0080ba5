"""How a setting is declared: a field of a frozen record, whose annotation says what it takes and what it means.

    timeout: Annotated[int, Interval(ge=1, le=86_400), Setting("seconds until …", "--es-timeout", "SECONDS")] = 60

Everything else comes out of that line: reading and checking (`relevance.config`), option and variable, origin, and the
row of docs/configuration.md. Nothing heavy is imported here, so that `pytest --help` stays fast; the checks are made by
pydantic, which is loaded where a configuration is read.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, Le, MinLen, Predicate

from relevance.errors import InputError
from relevance.text import without_credentials

_SHOWN = 60


@dataclass(frozen=True)
class Setting:
    """What a field is as a setting.

    Attributes:
        meaning: in one line.
        option: on the command line, "" where there is none; in `[models.NAME]` it sets the model `base`.
        metavar: what stands for the option's value in help; "" for an option without one.
        default: the default in words, where the field's own does not say it.
        variable: the environment's, where it is not `RELEVANCE_` and the option's name.
        command: the one command of `relevance` that takes the option; "": all do, and pytest.
    """

    meaning: str
    option: str = ""
    metavar: str = ""
    default: str = ""
    variable: str = ""
    command: str = ""


@dataclass(frozen=True)
class Takes:
    """What a setting takes, in words: how the page calls it, and what a message says is allowed."""

    label: str
    allowed: str = ""


@dataclass(frozen=True)
class OneOf:
    """The names that a setting can have; a function, for tables whose modules are heavy."""

    names: Callable[[], tuple[str, ...]]


@dataclass(frozen=True)
class Written:
    """The type that is written in the file, where the record holds what is made of it."""

    hint: Any


@dataclass(frozen=True)
class MayBeEmpty:
    """An empty variable is a text that is empty, and not none."""


def _is_filled(value: str) -> bool:
    return bool(value.strip()) and "\0" not in value


Text = Annotated[str, Predicate(_is_filled), Takes("text", "a text in quotes")]
EmptyText = Annotated[str, MayBeEmpty(), Predicate(lambda text: "\0" not in text), Takes("text", "a text in quotes")]

Names = Annotated[tuple[Text, ...], MinLen(1), Takes("list of names", 'a list of names, such as ["textsearch", "rrf"]')]
Texts = Annotated[Mapping[str, Text], MinLen(1), Takes("table of texts", 'a table of texts, such as {title = "name"}')]
Location = Annotated[Path, Written(Text), Takes("path", "a path in quotes")]
Locations = Annotated[
    tuple[Path, ...], Written(Names), Takes("list of paths", 'a list of paths, such as ["main.json", "release.json"]')
]
Count = Annotated[int, Ge(0), Takes("whole number", "a whole number")]
Grade = Annotated[int | float, Interval(ge=0, lt=float("inf")), Takes("number", "a number of 0 or more")]
Grades = Annotated[Mapping[str, Grade], MinLen(1), Takes("table of grades", "a table of grades, such as {Exact = 2}")]
UnknownProducts = Literal["error", "drop"]
Share = Annotated[int | float, Gt(0), Le(1), Takes("number", "a number above 0 and up to 1")]


@dataclass(frozen=True)
class Field:
    """A setting as it is declared: the field's name, which is the key in its table, its annotation and its default."""

    name: str
    hint: Any
    default: Any

    def marker(self, kind: type) -> Any:
        """The nearest marker of a type in the annotation, None where there is none."""
        return next((part for part in _parts(self.hint) if isinstance(part, kind)), None)

    @cached_property
    def setting(self) -> Setting:
        """What it means, and how it can be set."""
        setting: Setting = self.marker(Setting)
        return setting

    @cached_property
    def type(self) -> Any:
        """What the record holds, without annotations and None: `int`, `tuple[str, ...]`, `Path`."""
        return next(part for part in _parts(self.hint) if isinstance(part, type) or get_origin(part))

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
        if get_origin(self.type) is Literal:
            return get_args(self.type)
        names: OneOf | None = self.marker(OneOf)
        return names.names() if names else ()

    @property
    def takes(self) -> Takes:
        """In words."""
        if self.choices:
            *most, last = [f'`"{name}"`' for name in self.choices]
            return Takes(f"{', '.join(most)} or {last}", ", ".join(self.choices))
        if self.is_flag:
            return Takes("true or false", "true, false")
        takes: Takes | None = self.marker(Takes)
        if takes is None:
            bounds: Interval = self.marker(Interval)
            words = f"whole number from {bounds.ge} to {bounds.le:,}"
            return Takes(words, f"a {words}")
        return takes

    @cached_property
    def _adapter(self) -> Any:
        from pydantic import ConfigDict, TypeAdapter  # noqa: PLC0415 - a quarter of a second, `pytest --help` does without

        written: Written | None = self.marker(Written)
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
            near = difflib.get_close_matches(str(value), self.choices, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(f"{where} = {shown(value)}{hint}; allowed: {self.takes.allowed}") from None
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


def declared(record: type) -> dict[str, Field]:
    """The settings among the fields of a dataclass, by name."""
    hints = get_type_hints(record, include_extras=True)
    defaults = {
        each.name: each.default if each.default_factory is MISSING else each.default_factory()
        for each in fields(record)
    }
    settings = {name: Field(name, hints[name], default) for name, default in defaults.items()}
    return {name: field for name, field in settings.items() if field.marker(Setting)}


def shown(value: object) -> str:
    """A value in one short line; what stands before an @ is left out, it may be a password whose URL is misspelt."""
    text = without_credentials(repr(value))
    if isinstance(value, str) and "@" in value and ":" in value:
        text = repr(f"…@{value.rpartition('@')[2]}")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
