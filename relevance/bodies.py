"""Search bodies with marks: searches in Elasticsearch's own language, and what of each query takes which place in them.

- `{{query}}` is the query's text, anywhere in a text.
- `{{vector}}` is the query's vector; it stands alone in a text and takes its place.
- `{{depth}}` is how many hits are wanted, as a number where it stands alone: of what is sent to an endpoint, not of a
  search of Elasticsearch's, whose `size` is set.
- `{{params.NAME}}` is a parameter of the query. Alone in a text, its value takes the text's place and keeps its type, a
  list or a number too; inside a text it has to be a text or a number.
- `{{params.NAME=all}}` says what holds for a query without the parameter: JSON where it is some (`10`, `true`,
  `["a", "b"]`, `"10"`), else the text as it stands.
- `{{params.NAME?}}` leaves out, for a query without the parameter, the nearest element of a list that it stands in;
  outside of lists the member of its object, and an object of which nothing is left goes with it.
- `{{tune.NAME=3}}` is a value that `relevance tune` may try others for. It is no mark of a query's: alone in a text the
  value takes its place with its type, inside a text as a text, before anything else is looked at.

Keys may hold marks, too (`title_{{params.locale}}`). Spaces inside of marks change nothing. What takes a mark's place
is never looked at again: a query's text stays text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from relevance.errors import InputError, did_you_mean
from relevance.files import json_kind, parse_json, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "DEPTH",
    "MARKS",
    "NAME_RULE",
    "NO_PARAMS",
    "QUERY",
    "VECTOR",
    "Body",
    "Fixed",
    "Mark",
    "is_name",
    "prepare",
    "render",
    "settled",
    "tuned_values",
]

QUERY, VECTOR, DEPTH = "{{query}}", "{{vector}}", "{{depth}}"
MARKS = f"{QUERY}, {VECTOR}, {{{{params.NAME}}}}"
"""What a template may hold, for messages."""

NO_PARAMS: Mapping[str, Any] = MappingProxyType({})
NAME_RULE = "a name of letters, digits and _, with - and . between them"
"""Of parameters."""

_NAME = r"\w+(?:[.-]+\w+)*"
_MARK = re.compile(r"\{\{+[^{}]*\}\}+")
_PARAMETER = re.compile(rf"params\.({_NAME})\s*(?:(\?)|=(.*))?", re.DOTALL)
_TUNED = re.compile(r"tune\.([\w-]+)\s*(?:=(.*))?", re.DOTALL)
_NONE = object()  # no default
_LEFT_OUT = object()  # what stands in the place of a value that an optional mark removes


class Fixed(dict[str, Any]):
    """An object of a template that no query changes: all searches share it, so that what is read of it can be kept."""


def is_name(text: str) -> bool:
    """Whether a text follows `NAME_RULE`."""
    return re.fullmatch(_NAME, text) is not None


@dataclass(frozen=True)
class Mark:
    """A mark of a template.

    Attributes:
        text: as it is written, without spaces: `{{params.category?}}`.
        parameter: the parameter's name; "" for the query's text and its vector.
        optional: whether it leaves out what a query without the parameter does not need.
        default: what holds for such a query; `has_default` says whether there is one.
        alone: whether it is the whole text, so that a value of any type may take its place.
        tuned: whether it is one of `relevance tune`, and `parameter` its name there.
    """

    text: str
    parameter: str = ""
    optional: bool = False
    default: Any = field(default=_NONE, compare=False)
    alone: bool = False
    tuned: bool = False

    @property
    def has_default(self) -> bool:
        """Whether a query may do without the parameter."""
        return self.default is not _NONE

    def problem(self, params: Mapping[str, Any]) -> str:
        """Why a query with these parameters has no value for the mark; "" where it has one, or needs none."""
        value = params.get(self.parameter) if self.parameter else ""
        if value is None and (self.optional or self.has_default):
            return ""
        if value is None:
            near = did_you_mean(self.parameter, params)
            ways = f"{{{{params.{self.parameter}=DEFAULT}}}}, or {{{{params.{self.parameter}?}}}}, which leaves it out"
            return f"no parameter {self.parameter!r}{near}; allowed: a value for it, {ways}"
        if not self.alone and not _has_text(value):
            return f"{json_kind(value)} as {self.parameter!r}; allowed: a text or a number, or the mark alone in a text"
        return ""


@dataclass(frozen=True, eq=False)
class _Query:
    """What of a query takes the places of marks."""

    text: str
    vector: Any
    params: Mapping[str, Any]
    depth: int

    def value(self, mark: Mark) -> Any:
        if not mark.parameter:
            return {QUERY: self.text, VECTOR: self.vector, DEPTH: self.depth}[mark.text]
        value = self.params.get(mark.parameter)
        if value is None:
            value = _LEFT_OUT if mark.optional else mark.default
        if value is _NONE:
            raise InputError(f"{mark.text}: the query has {mark.problem(self.params)}")
        return value

    def text_of(self, mark: Mark) -> Any:
        """The value as a part of a text."""
        value = self.value(mark)
        if isinstance(value, str) or value is _LEFT_OUT:
            return value
        if not _has_text(value):
            raise InputError(f"{mark.text}: the query has {mark.problem(self.params)}")
        return json.dumps(value)


_Filler: TypeAlias = Callable[[_Query], Any]
"""What makes a value, of which a query decides a part, or `_LEFT_OUT`."""


@dataclass(frozen=True, eq=False)
class Body:
    """A template, cut once into what every search has and what queries fill; made by `prepare`.

    Attributes:
        template: the parsed JSON, no spaces inside of its marks; in the places of what is tuned stand values.
        marks: all of them, in the order in which they stand.
    """

    template: Mapping[str, Any]
    marks: tuple[Mark, ...]
    _fill: _Filler | None

    def render(
        self, *, query: str, vector: Any = None, params: Mapping[str, Any] = NO_PARAMS, depth: int = 0
    ) -> dict[str, Any]:
        """Make the search of a query; what no query changes is shared by all of them, so nothing may be changed in it.

        Raises:
            InputError: a parameter is missing, or has no place in the text in which its mark stands.
        """
        if self._fill is None:
            return dict(self.template)
        body = self._fill(_Query(query, vector, params, depth))
        return {} if body is _LEFT_OUT else body

    def count(self, text: str) -> int:
        """How often a mark stands in it."""
        return sum(mark.text == text for mark in self.marks)

    def problem(self, params: Mapping[str, Any]) -> str:
        """Why a query with these parameters cannot be asked, beginning with the mark; "" where it can."""
        problems = ((mark, mark.problem(params)) for mark in self.marks)
        return next((f"{mark.text}: {problem}" for mark, problem in problems if problem), "")


def prepare(template: Mapping[str, Any], *, depth: bool = False) -> Body:
    """Read a template's marks; `depth`: whether `{{depth}}` is one of them.

    Raises:
        InputError: a mark is not known, or stands where it cannot.
    """
    template = _shared(settled(template))
    marks = tuple(_marks(template))
    if not depth and any(mark.text == DEPTH for mark in marks):
        raise InputError(f"unknown mark {DEPTH}, the size of a search is set; allowed: {MARKS}")
    return Body(template, marks, _filler(template, in_list=False))


def render(
    template: Mapping[str, Any], *, query: str, vector: Any = None, params: Mapping[str, Any] = NO_PARAMS
) -> dict[str, Any]:
    """Make the search of one query; for many of them `prepare` the template once.

    Raises:
        InputError: see `prepare` and `Body.render`.
    """
    return prepare(template).render(query=query, vector=vector, params=params)


# reading marks


def _pieces(text: str, *, is_key: bool = False) -> list[str | Mark]:
    """A text cut at its marks; [the text] where it has none."""
    pieces: list[str | Mark] = []
    end = 0
    for found in _MARK.finditer(text):
        mark = _mark(found[0], alone=found[0] == text and not is_key)
        if mark.text == VECTOR and not mark.alone:
            where = f"as the key {quoted(text)}" if is_key else f"in {quoted(text)}"
            raise InputError(f"{VECTOR} {where}; allowed: alone as a value, the vector takes the text's place")
        pieces += [text[end : found.start()], mark]
        end = found.end()
    pieces.append(text[end:])
    return [piece for piece in pieces if piece != ""] or [""]


def _mark(written: str, *, alone: bool) -> Mark:
    content = written[2:-2].strip()
    if content in ("query", "vector", "depth"):
        return Mark(f"{{{{{content}}}}}", alone=alone)
    parameter = _PARAMETER.fullmatch(content)
    if tuned := _TUNED.fullmatch(content):
        name, default = tuned.groups()
        if default is None:
            return Mark(f"{{{{tune.{name}}}}}", name, alone=alone, tuned=True)
        return _with_default("tune", name, default.strip(), alone=alone)
    if parameter is None:
        name = "".join(re.findall(r"[\w-]+", content)[-1:]) or "NAME"
        name = "NAME" if name in ("param", "params") else name
        near = did_you_mean(written, (QUERY, VECTOR, f"{{{{params.{name}}}}}"))
        raise InputError(f"unknown mark {quoted(written)}{near}; allowed: {MARKS}")
    name, optional, default = parameter.groups()
    if default is None:
        return Mark(f"{{{{params.{name}{optional or ''}}}}}", name, optional=optional is not None, alone=alone)
    return _with_default("params", name, default.strip(), alone=alone)


def _with_default(of: str, name: str, default: str, *, alone: bool) -> Mark:
    text = f"{{{{{of}.{name}={default}}}}}"
    mark = Mark(text, name, default=_read_default(text, default), alone=alone, tuned=of == "tune")
    if not alone and not _has_text(mark.default):
        raise InputError(f"{text} inside of a text; allowed: a text or a number as default, or the mark alone")
    return mark


def _read_default(mark: str, text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        if text.startswith(("[", '"')):
            raise InputError(f"{mark}: the default is no JSON ({error}); allowed: a JSON value, or a text") from None
        return text


def _has_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _marks(value: Any) -> Iterator[Mark]:
    if isinstance(value, str):
        yield from (piece for piece in _pieces(value) if isinstance(piece, Mark))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from (piece for piece in _pieces(key, is_key=True) if isinstance(piece, Mark))
            yield from _marks(one)
    elif isinstance(value, list):
        for one in value:
            yield from _marks(one)


def _rewritten(value: Any, written: Callable[[Mark], Any]) -> Any:
    """Parsed JSON with something else in the places of its marks."""
    if isinstance(value, str):
        return _joined(_pieces(value), written)
    if isinstance(value, Mapping):
        return {_joined(_pieces(key, is_key=True), written): _rewritten(one, written) for key, one in value.items()}
    return [_rewritten(one, written) for one in value] if isinstance(value, list) else value


def _joined(pieces: list[str | Mark], written: Callable[[Mark], Any]) -> Any:
    parts = [piece if isinstance(piece, str) else written(piece) for piece in pieces]
    return parts[0] if len(parts) == 1 else "".join(parts)


# what is tuned


def tuned_values(template: Mapping[str, Any]) -> dict[str, Any]:
    """Today's values of a template's `{{tune.NAME=VALUE}}`, by name; a name that stands twice needs its value once.

    Raises:
        InputError: a name has no value, or two of them.
    """
    marks = [mark for mark in _marks(template) if mark.tuned]
    values: dict[str, Any] = {}
    for mark in (mark for mark in marks if mark.has_default):
        if values.setdefault(mark.parameter, mark.default) != mark.default:
            raise InputError(f"{mark.text}: {mark.parameter} has another value, too; allowed: one")
    for mark in (mark for mark in marks if mark.parameter not in values):
        raise InputError(f"{mark.text}: no value; allowed: {{{{tune.{mark.parameter}=VALUE}}}}, with today's value")
    return values


def settled(template: Mapping[str, Any], values: Mapping[str, Any] = NO_PARAMS, *, marked: bool = False) -> Any:
    """Put values into the places of `{{tune.NAME=VALUE}}`; two ways of writing the other marks become one.

    Args:
        template: parsed JSON.
        values: by name; today's for the others.
        marked: whether these marks stay, with the values as today's.

    Raises:
        InputError: see `prepare`; a value has no place in the text in which its mark stands.
    """
    held = {**tuned_values(template), **values}

    def written(mark: Mark) -> Any:
        value = held[mark.parameter] if mark.tuned else mark.text
        if mark.tuned and marked:
            return f"{{{{tune.{mark.parameter}={_as_default(value)}}}}}"
        if mark.alone or isinstance(value, str):
            return value
        if not _has_text(value):
            kind = json_kind(value)
            raise InputError(f"{mark.text}: {kind} inside of a text; allowed: a text or a number, or the mark alone")
        return json.dumps(value)

    return _rewritten(template, written)


def _as_default(value: Any) -> str:
    """What is read as the value where it stands behind the = of a mark."""
    if isinstance(value, str) and value == value.strip() and not value.startswith(("[", '"')):
        try:
            parse_json(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


# cutting templates


def _shared(value: Any) -> Any:
    """Parsed JSON in which each object without marks is `Fixed`."""
    if isinstance(value, Mapping):
        members = {key: _shared(one) for key, one in value.items()}
        return members if any(_marks(members)) else Fixed(members)
    return [_shared(one) for one in value] if isinstance(value, list) else value


def _filler(value: Any, *, in_list: bool) -> _Filler | None:
    """What fills a value; None where no query changes it."""
    if isinstance(value, str):
        return _text_filler(_pieces(value))
    if isinstance(value, Mapping):
        return _object_filler(value, in_list=in_list)
    return _list_filler(value) if isinstance(value, list) else None


def _text_filler(pieces: list[str | Mark]) -> _Filler | None:
    if len(pieces) == 1:
        (only,) = pieces
        if isinstance(only, str):
            return None
        return (lambda query: query.value(only)) if only.alone else (lambda query: query.text_of(only))

    def fill(query: _Query) -> Any:
        texts = [piece if isinstance(piece, str) else query.text_of(piece) for piece in pieces]
        return _LEFT_OUT if any(text is _LEFT_OUT for text in texts) else "".join(texts)

    return fill


def _list_filler(values: list[Any]) -> _Filler | None:
    fillers = [_filler(value, in_list=True) for value in values]
    if not any(fillers):
        return None
    elements = list(zip(values, fillers, strict=True))

    def fill(query: _Query) -> Any:
        filled = (value if filler is None else filler(query) for value, filler in elements)
        return [value for value in filled if value is not _LEFT_OUT]

    return fill


def _object_filler(value: Mapping[str, Any], *, in_list: bool) -> _Filler | None:
    members = [
        (key, _text_filler(_pieces(key, is_key=True)), one, _filler(one, in_list=in_list)) for key, one in value.items()
    ]
    if not any(key_filler or filler for _, key_filler, _, filler in members):
        return None

    def fill(query: _Query) -> Any:
        filled: dict[str, Any] = {}
        left_out = 0
        for key, key_filler, one, filler in members:
            name = key if key_filler is None else key_filler(query)
            content = one if filler is None else filler(query)
            if name is _LEFT_OUT or content is _LEFT_OUT:
                if in_list:
                    return _LEFT_OUT
                left_out += 1
            else:
                filled[name] = content
        if len(filled) + left_out < len(members):
            raise InputError(f"two keys are one for this query; allowed: keys that differ: {', '.join(value)}")
        return filled if filled or not left_out else _LEFT_OUT

    return fill
