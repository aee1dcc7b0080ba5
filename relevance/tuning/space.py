"""What is tried: parameters of a strategy and their values, checked when they are made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import log2, prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from relevance import bodies
from relevance.errors import InputError, unknown
from relevance.fields import K1, TITLE, B
from relevance.numerals import plain_decimal
from relevance.records import embedded_texts
from relevance.setting import declared, shown
from relevance.strategies import Strategy

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from relevance.fields import ProductFields
    from relevance.records import Catalogue

Value: TypeAlias = Any
"""A number, a text, a truth value, or a tuple of them."""

Combination: TypeAlias = tuple[Value, ...]
"""A value for each parameter of a space, in its order."""

_FEW, _MANY = 200, 5_000
"""Combinations of which all are tried; where boosts alone differ, which are ranked together."""

OWN = "own"
"""In the place of an analyzer's name: the fields' own."""

_MOST_VALUES = 1_000
_LARGEST = 1e30
_DIGITS = 12


@dataclass(frozen=True)
class Parameter:
    """What of a strategy is tried.

    Attributes:
        name: what people call it: `title`, `text.title`, `k1`, or the name of a mark.
        place: where its values go: boosts of `text` or `vectors`, `weights` of lists, a `key` of the strategy or of
            its `rerank`, a `mark` of its template or of the body that an endpoint is sent.
        key: the field, the key or the mark there.
        choices: those to try; the ends where any number between them may be.
        any_between: whether that is so.
    """

    name: str
    place: Literal["text", "vectors", "weights", "rerank", "key", "mark"]
    key: str
    choices: Combination
    any_between: bool = False

    @property
    def is_boost(self) -> bool:
        """Whether it is one of a field."""
        return self.place in ("text", "vectors")

    @property
    def is_ratio(self) -> bool:
        """Whether it is one of several numbers of which the ratios alone count."""
        return self.is_boost or self.place == "weights"

    @property
    def title(self) -> str:
        """What it is, for pictures."""
        return f"boost of {self.place}.{self.key}" if self.is_boost else self.name

    @property
    def is_number(self) -> bool:
        """Whether its choices have an order."""
        return all(map(_is_number, self.choices))

    def __str__(self) -> str:
        texts = list(map(value_text, self.choices))
        return f"{self.name} {{{' to '.join(texts) if self.any_between else ', '.join(texts)}}}"


def value_text(value: Value) -> str:
    """A value for people and tables."""
    if value is None:
        return OWN
    if _is_number(value):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_usable(value: Value) -> bool:
    """Whether it is a number that can be reckoned with."""
    return _is_number(value) and abs(value) <= _LARGEST


@dataclass(frozen=True)
class Space:
    """Parameters of a strategy, and what is tried of them.

    Attributes:
        today: the strategy that is compared.
        parameters: in their order.
        base: what values are put into.
    """

    today: Strategy
    parameters: tuple[Parameter, ...]
    base: Strategy
    _strategies: dict[Combination, Strategy] = field(default_factory=dict, compare=False, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(one.name for one in self.parameters)

    @property
    def noun(self) -> str:
        """What is tried, for people."""
        return "boosts" if all(one.is_boost for one in self.parameters) else "values"

    @property
    def size(self) -> float:
        """How many combinations there are."""
        if any(one.any_between for one in self.parameters):
            return float("inf")
        return prod(len(one.choices) for one in self.parameters)

    def trials(self, asked: int | None) -> int:
        """How many combinations are tried where they are not all tried; 0 where they are."""
        whole = asked or (_MANY if self.noun == "boosts" else _FEW)
        return 0 if self.size <= whole else asked or _FEW

    @cached_property
    def combinations(self) -> list[Combination]:
        """All of them; the last parameter's value changes first."""
        return list(product(*(one.choices for one in self.parameters)))

    def strategy(self, combination: Combination, name: str = "") -> Strategy:
        """Give the strategy these values; without a name it keeps its own."""
        known = self._strategies.get(combination)
        if known is None:
            known = self._strategies[combination] = self._made(combination)
        return known if name in ("", known.name) else replace(known, name=name)

    def _made(self, combination: Combination) -> Strategy:
        changes: dict[str, dict[str, Any]] = {place: {} for place in (*_TABLES, "key", "mark")}
        for parameter, value in zip(self.parameters, combination, strict=True):
            changes[parameter.place][parameter.key] = value
        parts: dict[str, Any] = changes["key"]
        for part in _TABLES:
            if changes[part]:
                parts[part] = {**getattr(self.base, part), **changes[part]}
        if changes["mark"] and self.base.tunable is not None:
            body = bodies.settled(self.base.tunable, changes["mark"])
            parts |= {"template": body} if self.base.http is None else {"http": {**self.base.http, "body": body}}
        return replace(self.base, **parts)

    def todays(self) -> Combination:
        """Give today's values."""
        return tuple(_todays(self.today, one.place, one.key) for one in self.parameters)

    def holds(self, combination: Combination) -> bool:
        """Whether it may be tried."""
        return all(
            _is_number(value) and one.choices[0] <= value <= one.choices[-1]
            if one.any_between
            else value in one.choices
            for one, value in zip(self.parameters, combination, strict=True)
        )

    def alike(self, combination: Combination) -> Hashable:
        """Give what is the same for combinations that differ by a factor of what is added: they rank alike."""
        strategy = self.strategy(combination)
        rays = tuple(
            tuple(float(f"{number / numbers[0]:.{_DIGITS}g}") for number in numbers) for numbers in _added(strategy)
        )
        fusion = (strategy.normalizer, strategy.window, strategy.k)
        settings = (strategy.candidates, strategy.reading, strategy.vocabulary, strategy.reranking)
        return (rays, *fusion, *settings, () if strategy.text or strategy.vectors else strategy.legs())

    def distance(self, combination: Combination) -> float:
        """Measure how far it is from today's values: Euclidean, of log2 of numbers.

        Boosts that are added, and weights, count whatever their common factor. Another word, or a number that has no
        logarithm, counts as much as a number that is doubled.
        """
        both = (_ratios(self.strategy(one)) for one in (combination, self.todays()))
        logs = [np.log2(np.divide(numbers, todays)) for numbers, todays in zip(*both, strict=True)]
        steps = [
            _step(value, today)
            for one, value, today in zip(self.parameters, combination, self.todays(), strict=True)
            if not one.is_ratio
        ]
        return float(np.linalg.norm([*(number for one in logs for number in one - one.mean()), *steps]))

    def probes(self) -> list[Strategy]:
        """Today's strategy, and with each value that is no boost one that has it: what may be wrong with an index."""
        changed = (self.strategy(each) for one, each in self.changes() if not one.is_boost)
        return [self.today, *changed]

    def changes(self) -> Iterator[tuple[Parameter, Combination]]:
        """Today's values with one that is another, for each value of each parameter."""
        todays = self.todays()
        for at, one in enumerate(self.parameters):
            others = (value for value in one.choices if value != todays[at])
            yield from ((one, (*todays[:at], value, *todays[at + 1 :])) for value in others)


_TABLES = ("text", "vectors", "weights", "rerank")
"""Tables of a strategy, whose keys are tuned under their name: `weights.text`."""


def _ratios(strategy: Strategy) -> list[list[float]]:
    """Numbers whose common factor changes no ranking, or only beside others: boosts, and weights of lists."""
    boosts = [*strategy.text.values(), *(() if strategy.is_fused else strategy.vectors.values())]
    weights = [strategy.weights.get(name, 1) for name in strategy.lists]
    return [numbers for numbers in (boosts, weights) if numbers]


def _added(strategy: Strategy) -> list[list[float]]:
    """Numbers whose common factor changes no ranking."""
    if strategy.combine != "linear" or strategy.normalizer != "none" or not strategy.text:
        return _ratios(strategy)
    boosts, (weight, *weights) = _ratios(strategy)  # scores as they are grow with boosts
    return [[*(boost * weight for boost in boosts), *weights]]


def _step(value: Value, today: Value) -> float:
    if _is_number(value) and _is_number(today) and value > 0 and today > 0:
        return log2(value / today)
    return float(value != today)


def _todays(strategy: Strategy, place: str, key: str) -> Value:
    if place == "mark":
        return _frozen(bodies.tuned_values(strategy.tunable or {})[key])
    if place == "rerank" and strategy.reranking is not None:
        return getattr(strategy.reranking, key)
    if place != "key":
        return getattr(strategy, place).get(key, 1)
    value = getattr(strategy, key)
    return _usual(strategy).get(key) if value is None else value


def _usual(strategy: Strategy) -> dict[str, Value]:
    """What keys are where a strategy leaves them out."""
    return {"k1": K1, "b": B, "analyzer": None if strategy.fields.body is not None else "standard"}


# a strategy's own parameters


def make_space(today: Strategy, table: Mapping[str, Any], *, without: Iterable[str] = ()) -> Space:
    """Make the space of a strategy's parameters: marks of its template, or its keys and boosts.

    Args:
        today: whose values are compared.
        table: by name a list of values, or `{"from": …, "to": …}`, perhaps with a `step`; boosts as `text.title`, or
            inside each other.
        without: names of it that are left out.

    Raises:
        InputError: a name or a value is not one of the strategy's, or there is nothing to choose between.
    """
    known, flat = _known(today), dict(_flat(table))
    for name in (name for name in without if name not in flat):
        raise InputError(f"--without {name}: {unknown('parameter', name, flat)}")
    marks = "" if today.template is None else ", marks {{tune.NAME=VALUE}} of the template"
    marks = marks if today.http is None else ", marks {{tune.NAME=VALUE}} of the body"
    for name in (name for name in flat if name not in known):
        raise InputError(f"{unknown(f'parameter of {today.name}', name, known)}{marks}")
    chosen = {name: place for name, place in known.items() if name in flat and name not in without}
    parameters = tuple(
        Parameter(name, *place, *_values(name, place, flat[name], today)) for name, place in chosen.items()
    )
    if not parameters:
        ways = f"[tuning.{today.name}] or --grid NAME=VALUE,VALUE, with {', '.join(known)}{marks}"
        raise InputError(f"no parameter of {today.name} has values to try; allowed: {ways}")
    space = Space(today, parameters, today)
    _check(space, "two values of one parameter")
    return space


def _known(strategy: Strategy) -> dict[str, tuple[Any, str]]:
    """Place and key of what can be tuned, by name: first what decides how products are indexed."""
    keys_of_rerank = () if strategy.rerank is None else ("depth", "weight")
    of_rerank: dict[str, tuple[Any, str]] = {f"rerank.{key}": ("rerank", key) for key in keys_of_rerank}
    if strategy.template is not None:
        marks = bodies.tuned_values(strategy.tunable or {})
        return {"spelling": ("key", "spelling"), **{name: ("mark", name) for name in marks}, **of_rerank}
    if strategy.outside is not None:
        return {**{name: ("mark", name) for name in bodies.tuned_values(strategy.tunable or {})}, **of_rerank}
    keys = ["analyzer", "search_analyzer", "k1", "b", "spelling"] if strategy.text else []
    keys += {"rrf": ["window", "k"], "linear": ["window", "normalizer"]}.get(strategy.combine, [])
    keys += ["candidates"] if strategy.vectors else []
    known: dict[str, tuple[Any, str]] = {key: ("key", key) for key in keys}
    known |= {f"text.{name}": ("text", name) for name in strategy.text}
    known |= {f"vectors.{name}": ("vectors", name) for name in strategy.vectors if not strategy.is_fused}
    return known | {f"weights.{name}": ("weights", name) for name in strategy.lists} | of_rerank


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if name in _TABLES and isinstance(value, Mapping):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, value


_ENDS = ("from", "to", "step")


def _values(name: str, place: tuple[str, str], raw: Any, today: Strategy) -> tuple[Combination, bool]:
    """The values to try, or the ends of what they are between, and whether that is so."""
    if isinstance(raw, Mapping):
        values, any_between = _range(name, raw)
    elif isinstance(raw, list | tuple) and raw:
        values, any_between = tuple(map(_frozen, raw)), False
    else:
        raise InputError(f"{name} = {shown(raw)}; allowed: a list of values, or {{from = …, to = …}}")
    if place[0] == "key":
        key = next(one for one in declared(Strategy) if one.name == place[1])
        values = tuple(key.checked(value, name) for value in values)
        if place[1] in ("analyzer", "search_analyzer"):
            usual = _usual(today).get(place[1])
            values = tuple(usual if value == OWN else value for value in values)
    for value in (one for one in values if one is not None):
        parts = value if isinstance(value, tuple) else (value,)
        if not all(map(_is_allowed, parts)):
            raise InputError(f"{name}: {shown(value)}; allowed: numbers, truth values, texts without braces, or lists")
    _check_once(name, values)
    return values, any_between


def _is_allowed(value: Value) -> bool:
    if isinstance(value, str):
        return not set("{}").intersection(value)
    return isinstance(value, bool) or _is_usable(value)


def _check_once(name: str, values: Combination) -> None:
    twice = [value for value, count in Counter(map(value_text, values)).items() if count > 1]
    if twice:
        raise InputError(f"{name}: {twice[0]} occurs twice; allowed: each value once")


def _range(name: str, raw: Mapping[str, Any]) -> tuple[Combination, bool]:
    for key in (key for key in raw if key not in _ENDS):
        raise InputError(f"{name}: {unknown('key', key, _ENDS)}")
    ends: list[Any] = [raw.get(key) for key in _ENDS]
    low, high, step = ends
    if not _is_usable(low) or not _is_usable(high) or low >= high or (step is not None and not _is_usable(step)):
        raise InputError(f"{name} = {shown(dict(raw))}; allowed: {{from = A, to = B}} with numbers, A below B")
    if step is None and not (isinstance(low, int) and isinstance(high, int)):
        return (low, high), True
    step = 1 if step is None else step
    if step <= 0 or (high - low) / step >= _MOST_VALUES:
        raise InputError(f"{name}: step = {step}; allowed: above 0, up to {_MOST_VALUES:,} values")
    count = int((high - low) / step + 1e-9) + 1
    return tuple(low + at * step if isinstance(step, int) else _rounded(low + at * step) for at in range(count)), False


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _frozen(value: Any) -> Value:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _check(space: Space, needed: str) -> None:
    """Refuse values that are not allowed, and where there is nothing to choose between."""
    for _, combination in space.changes():
        space.strategy(combination)
    few = space.combinations if not space.trials(None) else []
    if few and len({space.alike(combination) for combination in few}) == 1:
        names = ", ".join(space.names) or "no field"
        common = " that differ by a common factor" if space.noun == "boosts" else ""
        raise InputError(f"nothing to choose between: {space.noun} of {names}{common} rank alike; allowed: {needed}")


# grids of boosts


@dataclass(frozen=True)
class TunedPart:
    """What `relevance tune KIND` tunes.

    Attributes:
        part: of a strategy whose boosts are tried.
        other: whether a strategy has the other part as well, whose boosts stay.
        of_title: boosts of the title that are tried where nothing else is asked for.
        of_others: those of the other fields.
        strategy: whose boosts are today's where no other is named.
    """

    part: Literal["text", "vectors"]
    other: bool
    of_title: Combination
    of_others: Combination
    strategy: str

    def boosts(self, name: str, fields: ProductFields) -> Combination:
        """What is tried of a field where nothing else is asked for."""
        return self.of_title if name == fields.of_role(TITLE) else self.of_others


_WEAK, _HYBRID = (1, 2, 4), (10, 25, 40, 50, 60, 75, 100, 200)

KINDS: Mapping[str, TunedPart] = MappingProxyType(
    {
        "text": TunedPart(
            "text", other=False, of_title=(1, 2, 4, 6, 8), of_others=_WEAK, strategy="textsearch_boosted"
        ),
        "multifield": TunedPart(
            "vectors", other=False, of_title=(1, 2, 4, 8), of_others=_WEAK, strategy="vectorsearch_multifield_boosted"
        ),
        "hybrid": TunedPart("vectors", other=True, of_title=_HYBRID, of_others=_HYBRID, strategy="hybrid_boosted"),
    }
)
"""The kinds by name, with the reference's grids."""


def parse_axis(text: str) -> tuple[str, Combination]:
    """Read `NAME=VALUE[,VALUE…]`.

    Raises:
        InputError: it is not of that form, or a value occurs twice.
    """
    name, equals, written = text.partition("=")
    values = tuple(_parsed(one.strip()) for one in written.split(","))
    if not name or not equals or "" in values:
        raise InputError(f"--grid {text!r}; allowed: NAME=VALUE[,VALUE…], as title=1,2,4")
    _check_once(f"--grid {text!r}", values)
    return name.strip(), values


def _parsed(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    try:
        number = plain_decimal(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def make_grid(
    kind: str, today: Strategy, *, axes: Sequence[tuple[str, Combination]] = (), without: Iterable[str] = ()
) -> Space:
    """Make the grid of boosts of a kind, over the fields of a strategy.

    Args:
        kind: key of `KINDS`.
        today: whose boosts are compared.
        axes: boosts to try in the place of the kind's own, by field.
        without: fields of the strategy that are left out.

    Raises:
        InputError: the strategy is not of that kind; a field is not one of its own, is given twice or given and left
            out; a boost is not allowed; there is nothing to choose between.
    """
    tuned = KINDS[kind]
    own, others = (today.text, today.vectors) if tuned.part == "text" else (today.vectors, today.text)
    if today.template is not None or today.combine != "sum" or not own or bool(others) != tuned.other:
        scores = "text and vectors" if tuned.other else f"{tuned.part} alone"
        problem = f"strategy {today.name!r} cannot be tuned as {kind}"
        raise InputError(f"{problem}; allowed: one that adds the scores of {scores}")
    left_out, chosen = sorted(set(without)), dict(axes)
    for option, names in (("--grid", [name for name, _ in axes]), ("--without", left_out)):
        for name in names:
            if name not in own:
                raise InputError(f"{option} {name}: {unknown(f'field of {today.name}', name, own)}")
            if names.count(name) > 1:
                raise InputError(f"--grid {name} is given twice; allowed: once, with all its boosts")
    if both := [name for name in left_out if name in chosen]:
        raise InputError(f"--grid {both[0]} and --without {both[0]}; allowed: one of them")
    kept = [name for name in own if name not in left_out]
    parameters = tuple(
        Parameter(name, tuned.part, name, chosen.get(name, tuned.boosts(name, today.fields))) for name in kept
    )
    changed: dict[str, Any] = {tuned.part: {name: own[name] for name in kept}}
    space = Space(today, parameters, replace(today, **changed) if kept else today)
    _check(space, "two fields or more, and two boosts of one")
    return space


def check_texts(space: Space, catalogue: Catalogue) -> None:
    """Refuse boosts of texts that no product has.

    Raises:
        InputError: a field is empty for every product; its boost changes nothing.
    """
    for one in (one for one in space.parameters if one.is_boost):
        texts = catalogue.texts(one.key) if one.place == "text" else embedded_texts(catalogue, one.key)
        if not any(text.strip() for text in texts):
            raise InputError(
                f"{one.name}: no product of the data set has text there, so that its boost changes nothing; "
                f"leave it out: --without {one.name}"
            )
