"""`function_score`: factors from weights, values of fields and distances, combined with the score of a query.

Everything is float64 and cast to float32 once, when score and factor are combined.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    Docs = npt.NDArray[np.int64]
    Factors = npt.NDArray[np.float64]
    Where: TypeAlias = npt.NDArray[np.bool_] | slice

MODIFIERS: Mapping[str, Callable[[Factors], Factors]] = MappingProxyType(
    {
        "none": lambda value: value,
        "log": np.log10,
        "log1p": lambda value: np.log10(value + 1),
        "log2p": lambda value: np.log10(value + 2),
        "ln": np.log,
        "ln1p": np.log1p,
        "ln2p": lambda value: np.log1p(value + 1),
        "square": np.square,
        "sqrt": np.sqrt,
        "reciprocal": lambda value: 1.0 / value,
    }
)

SCORE_MODES = ("multiply", "sum", "avg", "first", "max", "min")

BOOST_MODES: Mapping[str, Callable[[Factors, Factors], Factors]] = MappingProxyType(
    {
        "multiply": np.multiply,
        "replace": lambda _, factor: factor,
        "sum": np.add,
        "avg": lambda score, factor: (factor + score) / 2.0,
        "min": np.minimum,
        "max": np.maximum,
    }
)

VALUE_MODES = ("min", "max", "avg", "sum", "median")


class UnusableFactorError(ValueError):
    """A factor that Elasticsearch answers with an error: negative, not a number, or of a missing value."""


class Values(Protocol):
    """The values of a numeric field: those of document d are `values[starts[d]:starts[d + 1]]`, ascending."""

    values: npt.NDArray[Any]
    starts: npt.NDArray[np.int64]


def chosen(
    values: npt.NDArray[np.float64], starts: npt.NDArray[np.int64], docs: Docs, mode: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Take one value of each document: by `mode`, one of `VALUE_MODES`; and whether it has one (else 0)."""
    begin, end = starts[docs], starts[docs + 1]
    has = end > begin
    if not len(values) or (end - begin).max(initial=0) <= 1:
        result = np.zeros(len(docs))
        result[has] = values[begin[has]]
        return result, has
    result = np.array([_one_of(values[low:high], mode) for low, high in zip(begin, end, strict=True)])
    return result, has


def _one_of(values: npt.NDArray[np.float64], mode: str) -> float:
    if not len(values):
        return 0.0
    total = float(reduce(lambda left, right: left + right, values.tolist()))
    return {
        "min": lambda: float(values.min()),
        "max": lambda: float(values.max()),
        "sum": lambda: total,
        "avg": lambda: total / len(values),
        "median": lambda: float(np.median(values)),
    }[mode]()


class Table(NamedTuple):
    """The factors of documents, and which of them stand on a value that is there; None: all do."""

    factors: Factors
    has: npt.NDArray[np.bool_] | None = None

    def of(self, docs: Docs) -> Table:
        """The factors of some documents."""
        return Table(self.factors[docs], None if self.has is None else self.has[docs])


class Function(Protocol):
    """A factor of each document."""

    @property
    def field(self) -> str | None:
        """Whose values it needs."""

    def table(self, values: Values | None, docs: Docs) -> Table:
        """The factors of documents, whether they can be used or not."""
        ...

    def checked(self, table: Table) -> Factors:
        """The factors of hits.

        Raises:
            UnusableFactorError: Elasticsearch fails here.
        """
        ...


@dataclass(frozen=True)
class One:
    """A function that is its weight alone."""

    field: None = None

    def table(self, values: Values | None, docs: Docs) -> Table:  # noqa: ARG002
        """One each."""
        return Table(np.ones(len(docs)))

    def checked(self, table: Table) -> Factors:
        """All can be used."""
        return table.factors

    def __str__(self) -> str:
        return "weight"


@dataclass(frozen=True)
class FieldValue:
    """`field_value_factor`: the lowest value of a field times a factor, modified."""

    field: str
    factor: np.float32
    modifier: str
    missing: float | None

    def table(self, values: Values | None, docs: Docs) -> Table:
        """What has no value counts as 0, or as what is said to be missing."""
        if values is None:
            value, has = np.zeros(len(docs)), np.zeros(len(docs), dtype=np.bool_)
        else:
            value, has = chosen(values.values.astype(np.float64), values.starts, docs, "min")
        if self.missing is not None:
            value[~has] = self.missing
        with np.errstate(all="ignore"):
            factors = MODIFIERS[self.modifier](value * float(self.factor))
        return Table(factors, None if self.missing is not None else has)

    def checked(self, table: Table) -> Factors:
        """Refuse factors that are negative, and those of missing values."""
        if table.has is not None and not table.has.all():
            raise UnusableFactorError(f"a hit has no value of {self.field!r}; a way out: missing")
        if (table.factors < 0).any():
            raise UnusableFactorError(f"the factor of {self.field!r} is negative; a way out: another modifier, missing")
        return table.factors

    def __str__(self) -> str:
        value = self.field if self.factor == 1 else f"{self.field} * {self.factor:g}"
        return f"{'factor' if self.modifier == 'none' else self.modifier}({value})"


def _gauss(scale: float, decay: float) -> Callable[[Factors], Factors]:
    scaled = 0.5 * scale**2 / np.log(decay)
    return lambda distance: np.exp(0.5 * np.square(distance) / scaled)


def _exponential(scale: float, decay: float) -> Callable[[Factors], Factors]:
    scaled = np.log(decay) / scale
    return lambda distance: np.exp(scaled * distance)


def _linear(scale: float, decay: float) -> Callable[[Factors], Factors]:
    scaled = scale / (1.0 - decay)
    return lambda distance: np.maximum(0.0, (scaled - distance) / scaled)


DECAYS: Mapping[str, Callable[[float, float], Callable[[Factors], Factors]]] = MappingProxyType(
    {"gauss": _gauss, "exp": _exponential, "linear": _linear}
)


@dataclass(frozen=True)
class Decay:
    """`gauss`, `exp` or `linear`: less with the distance from an origin; dates and times in milliseconds."""

    field: str
    shape: str
    origin: float
    scale: float
    offset: float = 0.0
    decay: float = 0.5
    mode: str = "min"

    def table(self, values: Values | None, docs: Docs) -> Table:
        """What has no value is at no distance."""
        if values is None:
            distance = np.zeros(len(docs))
        else:
            away = np.maximum(0.0, np.abs(values.values.astype(np.float64) - self.origin) - self.offset)
            distance, _ = chosen(away, values.starts, docs, self.mode)
        return Table(DECAYS[self.shape](self.scale, self.decay)(distance))

    def checked(self, table: Table) -> Factors:
        """All can be used."""
        return table.factors

    def __str__(self) -> str:
        return f"{self.shape}({self.field})"


@dataclass(frozen=True)
class Applied:
    """A function over some of the documents.

    Attributes:
        factors: shape (documents of `applies`,), the weight not yet in them; called only where they are needed.
        applies: shape (documents,); a slice of all: everywhere.
        weight: factor of the factors, and what they count in a mean.
    """

    factors: Callable[[Where], Factors]
    applies: Where
    weight: np.float32 | None


def factor(functions: Sequence[Applied], mode: str, size: int) -> Factors:
    """Make one factor of several functions, by `mode`, one of `SCORE_MODES`: shape (size,); 1 where none applies."""
    if mode == "first":
        return _first(functions, size)
    start = {"multiply": 1.0, "max": -np.inf, "min": np.inf}.get(mode, 0.0)
    total, weights, touched = np.full(size, start), np.zeros(size), np.zeros(size, dtype=np.bool_)
    merge = {"multiply": np.multiply, "max": np.maximum, "min": np.minimum}.get(mode, np.add)
    for function in functions:
        applies = function.applies
        total[applies] = merge(total[applies], _weighted(function, applies))
        weights[applies] += 1.0 if function.weight is None else float(function.weight)
        touched[applies] = True
    if mode in ("sum", "avg"):
        touched = weights != 0  # so that weights of 0 alone leave the score as it is
    if mode == "avg":
        total[touched] /= weights[touched]
    return np.where(touched, total, 1.0)


def _first(functions: Sequence[Applied], size: int) -> Factors:
    total, open_ = np.ones(size), np.ones(size, dtype=np.bool_)
    for function in functions:
        if isinstance(function.applies, slice) and open_.all():
            return _weighted(function, function.applies)
        now = open_.copy() if isinstance(function.applies, slice) else open_ & function.applies
        total[now] = _weighted(function, now)
        open_ &= ~now
    return total


def _weighted(function: Applied, where: Where) -> Factors:
    factors = function.factors(where)
    return factors if function.weight is None else factors * float(function.weight)


def combined(
    scores: npt.NDArray[np.float32], factors: Factors, boost_mode: str, max_boost: np.float32
) -> npt.NDArray[np.float32]:
    """Combine scores with factors, in float64, and cast."""
    with np.errstate(all="ignore"):
        result: npt.NDArray[np.float32] = BOOST_MODES[boost_mode](
            scores.astype(np.float64), np.minimum(factors, float(max_boost))
        ).astype(np.float32)
    if np.isnan(result).any() or (result < 0).any():
        raise UnusableFactorError("a score would be negative or no number")
    return result
