"""Which boosts are tried: a grid over the fields of a strategy, checked when it is made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from relevance.errors import InputError, unknown
from relevance.fields import TITLE
from relevance.records import embedded_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relevance.fields import ProductFields
    from relevance.records import Catalogue
    from relevance.strategies import Strategy

Combination: TypeAlias = tuple[float, ...]
"""A boost for each field of a grid, in its order."""

_MOST_COMBINATIONS = 5_000
_DIGITS = 12


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


@dataclass(frozen=True)
class Grid:
    """Boosts to try.

    Attributes:
        kind: key of `KINDS`.
        today: the strategy whose boosts are compared; what is not tried stays as there.
        axes: boosts by field, in the order of the strategy's fields.
    """

    kind: str
    today: Strategy
    axes: Mapping[str, Combination]

    @property
    def fields(self) -> tuple[str, ...]:
        """Those whose boosts are tried."""
        return tuple(self.axes)

    @cached_property
    def strategies(self) -> Mapping[Combination, Strategy]:
        """Of all combinations; the last field's boost changes first."""
        return {boosts: self.strategy(boosts) for boosts in product(*self.axes.values())}

    @property
    def combinations(self) -> list[Combination]:
        """All of them, in that order."""
        return list(self.strategies)

    def strategy(self, combination: Combination, name: str = "tuned") -> Strategy:
        """Give the strategy these boosts, and no other field of the part that is tuned."""
        boosts = dict(zip(self.axes, combination, strict=True))
        if KINDS[self.kind].part == "text":
            return replace(self.today, name=name, text=boosts)
        return replace(self.today, name=name, vectors=boosts)

    def todays(self) -> Combination:
        """Give today's boosts of the fields."""
        return tuple(getattr(self.today, KINDS[self.kind].part)[name] for name in self.axes)

    def ray(self, combination: Combination) -> Combination:
        """Give what is the same for combinations that differ by a factor of all boosts, which changes no ranking."""
        strategy = self.strategies.get(combination) or self.strategy(combination)
        boosts = [*strategy.text.values(), *strategy.vectors.values()]
        return tuple(float(f"{boost / boosts[0]:.{_DIGITS}g}") for boost in boosts)

    def distance(self, combination: Combination) -> float:
        """Measure how far it is from today's boosts: Euclidean, of log2 of the boosts, whatever their common factor."""
        ratios = [boost / today for boost, today in zip(combination, self.todays(), strict=True)]
        others = self.today.vectors if KINDS[self.kind].part == "text" else self.today.text
        logs = np.log2(ratios + [1.0] * len(others))
        return float(np.linalg.norm(logs - logs.mean()))


def parse_axis(text: str) -> tuple[str, Combination]:
    """Read `FIELD=N[,N…]`.

    Raises:
        InputError: it is not of that form, or a number occurs twice.
    """
    field, equals, numbers = text.partition("=")
    try:
        boosts = tuple(int(number) if number.is_integer() else number for number in map(float, numbers.split(",")))
    except ValueError:
        boosts = ()
    if not field or not equals or not boosts:
        raise InputError(f"--grid {text!r}; allowed: FIELD=N[,N…] with a number for each boost, as title=1,2,4")
    twice = [boost for boost, count in Counter(boosts).items() if count > 1]
    if twice:
        raise InputError(f"--grid {text!r}: {twice[0]:g} occurs twice; allowed: each boost once")
    return field.strip(), boosts


def make_grid(
    kind: str, today: Strategy, *, axes: Sequence[tuple[str, Combination]] = (), without: Iterable[str] = ()
) -> Grid:
    """Make the grid of a kind over the fields of a strategy.

    Args:
        kind: key of `KINDS`.
        today: whose boosts are compared.
        axes: boosts to try in the place of the kind's own, by field.
        without: fields of the strategy that are left out.

    Raises:
        InputError: the strategy is not of that kind; a field is not one of its own, is given twice or given and left
            out; a boost is not allowed; there is nothing to choose between, or too much.
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
    boosts_of = {name: chosen.get(name, tuned.boosts(name, today.fields)) for name in own if name not in left_out}
    grid = Grid(kind, today, MappingProxyType(boosts_of))
    if (count := prod(map(len, boosts_of.values()))) > _MOST_COMBINATIONS:
        raise InputError(f"the grid has {count:,} combinations; allowed: up to {_MOST_COMBINATIONS:,}")
    # a boost that is not allowed is an error here
    if not boosts_of or len({grid.ray(combination) for combination in grid.combinations}) == 1:
        fields = ", ".join(grid.fields) or "no field"
        raise InputError(
            f"nothing to choose between: boosts of {fields} that differ by a common factor rank alike; "
            "allowed: two fields or more, and two boosts of one"
        )
    return grid


def check_texts(grid: Grid, catalogue: Catalogue) -> None:
    """Refuse boosts of texts that no product has.

    Raises:
        InputError: a field is empty for every product; its boost changes nothing.
    """
    of_text = KINDS[grid.kind].part == "text"
    for name in grid.fields:
        texts = catalogue.texts(name) if of_text else embedded_texts(catalogue, name)
        if not any(text.strip() for text in texts):
            raise InputError(
                f"{name}: no product of the data set has text there, so that its boost changes nothing; "
                f"leave it out: --without {name}"
            )
