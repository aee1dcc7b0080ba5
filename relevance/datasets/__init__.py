"""Data sets: one module a format, one table, one way to load."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from relevance.datasets import chorus, homedepot, sample
from relevance.datasets.files import found
from relevance.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from relevance.records import Dataset

__all__ = ["DATASETS", "PAIRS", "load", "load_pairs", "parse"]

_Loader = TypeVar("_Loader")

DATASETS: Mapping[str, Callable[[Path | None], Dataset]] = MappingProxyType(
    {
        "sample": sample.load,
        "homedepot": homedepot.load,
        "chorus": chorus.load,
    }
)
"""The loader of each data set by name; a loader takes the path of `NAME:PATH`, if any."""

PAIRS: Mapping[str, Callable[[Path | None], pd.DataFrame]] = MappingProxyType(
    {
        "sample": sample.load_pairs,
        "homedepot": homedepot.load_pairs,
    }
)
"""The loader of the rated pairs for fine-tuning, for each data set that has some."""


def parse(spec: str) -> tuple[str, Path | None]:
    """Split `NAME` or `NAME:PATH`.

    Raises:
        InputError: there is no data set of that name, or nothing stands behind the colon.
    """
    name, colon, path = spec.partition(":")
    _row(DATASETS, name, "data set")
    if colon and not path.strip():
        raise InputError(f"data set {found(spec)}: nothing stands behind the colon; allowed: {name} or {name}:PATH")
    return name, Path(path) if colon else None


def load(name: str, path: Path | None = None) -> Dataset:
    """Load a data set by name.

    Raises:
        InputError: there is no data set of that name; its files cannot be read or hold what is not allowed.
    """
    return _row(DATASETS, name, "data set")(path)


def load_pairs(name: str, path: Path | None = None) -> pd.DataFrame:
    """Load a data set's rated pairs for fine-tuning: columns `query`, `product`, `title`, `relevance` (1 to 3).

    Raises:
        InputError: the data set has none; its files cannot be read or hold what is not allowed.
    """
    return _row(PAIRS, name, "data set with pairs for fine-tuning")(path)


def _row(table: Mapping[str, _Loader], name: str, what: str) -> _Loader:
    if name in table:
        return table[name]
    raise InputError(unknown(what, name, table))
