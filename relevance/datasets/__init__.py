"""Data sets: one row a format, one way to load. Whatever is wrong with a folder is an `InputError`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.datasets import homedepot, own, published
from relevance.datasets.tables import MAX_GRADE, simplest
from relevance.errors import InputError, unknown
from relevance.files import quoted
from relevance.setting import Grade, Grades, Location, Text, Texts, UnknownProducts, setting

if TYPE_CHECKING:
    import pandas as pd

    from relevance.records import Dataset

__all__ = ["DATASETS", "PAIRS", "Loader", "Source", "has_pairs", "load", "load_over", "load_pairs", "parse"]


@dataclass(frozen=True)
class Source:
    """Where a data set lies and how it is read: `[datasets.NAME]` of the configuration.

    Attributes:
        name: results and floors stand under it: the format's name, or an alias.
        over: ids of the products of an index that exists, which the catalogue is made of whatever the files have;
            None: the products of the files. No setting: `datasets.load_over` sets it.
    """

    name: str
    format: Text = setting("format of the files", default=MISSING, words="required")
    path: Location | None = setting("folder of the files")
    columns: Texts = setting("our column names to those of the files", default={}, words="the same names")
    gains: Grades = setting("labels of judgments to grades", default={}, words="the format's own")
    relevant_from: Grade | None = setting("lowest grade that counts as relevant", words="the format's own")
    unknown_products: UnknownProducts = setting(
        "judgments for products that this catalogue lacks", default="error", words="unknown_products"
    )
    over: tuple[str, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for label, gain in self.gains.items():
            if not 0 <= gain <= MAX_GRADE:
                raise self._fault(f"gains.{label}", gain, f"a number from 0 to {MAX_GRADE:,}")
        if self.relevant_from is not None:
            if not 0 < self.relevant_from <= MAX_GRADE:
                raise self._fault("relevant_from", self.relevant_from, "a number above 0, since grade 0 is irrelevant")
            object.__setattr__(self, "relevant_from", simplest(self.relevant_from))
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        gains = {label: simplest(gain) for label, gain in self.gains.items()}
        object.__setattr__(self, "gains", MappingProxyType(gains))

    def _fault(self, setting: str, value: object, allowed: str) -> InputError:
        return InputError(f"data set {self.name!r}: {setting} = {value!r}; allowed: {allowed}")

    def refuse_unused(self, *takes: str) -> None:
        """Refuse what is set and the format does not use; `relevant_from` and `unknown_products` are for every format.

        Args:
            takes: which of `columns` and `gains` the format uses.
        """
        for name in ("columns", "gains"):
            if getattr(self, name) and name not in takes:
                which = f"format {self.format!r} does not use {name}"
                allowed = ", ".join((*takes, "relevant_from", "unknown_products"))
                raise InputError(f"data set {self.name!r}: {which}; settings it takes: {allowed}")

    def gains_of(self, labels: Mapping[str, float]) -> dict[str, float]:
        """The grade of each label of a format: its own, or that of this source."""
        for label in self.gains:
            if label not in labels:
                raise InputError(f"data set {self.name!r}: gains: {unknown('label', label, labels)}")
        return {**labels, **self.gains}


Loader = Callable[[Source], "Dataset"]

DATASETS: Mapping[str, Loader] = MappingProxyType(
    {
        "sample": homedepot.load_sample,
        "homedepot": homedepot.load,
        "chorus": published.load_chorus,
        "files": own.load,
        "beir": published.load_beir,
        "wands": published.load_wands,
        "esci": published.load_esci,
    }
)

PAIRS: Mapping[str, tuple[Callable[[Source], bool], Callable[[Source], pd.DataFrame]]] = MappingProxyType(
    {
        "sample": (lambda _: True, homedepot.load_sample_pairs),
        "homedepot": (homedepot.has_pairs, homedepot.load_pairs),
        "files": (own.has_pairs, own.load_pairs),
    }
)
"""Whether a folder has rated pairs for fine-tuning, and their loader, for each format that may have some."""


def parse(spec: str, aliases: Mapping[str, Source] = MappingProxyType({})) -> Source:
    """The source that `NAME` or `NAME:PATH` names: a format, or an alias.

    Raises:
        InputError: there is no data set of that name, nothing stands behind the colon, or an alias that has a path gets
            another one.
    """
    name, colon, path = spec.partition(":")
    known = {format_: Source(format_, format_) for format_ in DATASETS} | dict(aliases)
    if name not in known and ("/" in name or "\\" in name or name.startswith((".", "~"))):
        meant = f"unknown data set {quoted(name)} (did you mean {quoted(f'files:{name}')}?)"
        raise InputError(f"{meant}; allowed: NAME or NAME:PATH, NAME one of {', '.join(known)}")
    if name not in known:
        raise InputError(unknown("data set", name, known))
    source = known[name]
    if not colon:
        return source
    if not path.strip():
        raise InputError(f"data set {quoted(spec)}: nothing stands behind the colon; allowed: {name} or {name}:PATH")
    if source.path is not None:
        raise InputError(f"data set {quoted(spec)}: its path is part of the alias; allowed: {name}")
    return replace(source, path=Path(path))


def load(source: Source) -> Dataset:
    """Load a data set.

    Raises:
        InputError: its files cannot be read or hold what is not allowed; a setting of the source is not one of the
            format's.
        CouldNotRunError: a package that reads the format is not installed.
    """
    return DATASETS[source.format](source)


def load_over(source: Source, products: Sequence[str]) -> Dataset:
    """Load the queries and judgments of a data set over the products of an index that exists; raises as `load`.

    Titles, descriptions and attributes are those of the data set's files, where they have the product. The formats
    `files` and `beir` need no file of products then.

    Args:
        source: where the data set lies; its `unknown_products` is about judgments of products that the index lacks.
        products: their ids, each once, in any order; the catalogue has these and no others.
    """
    return load(replace(source, over=tuple(products)))


def has_pairs(source: Source) -> bool:
    """Whether the data set comes with rated pairs for fine-tuning."""
    return source.format in PAIRS and PAIRS[source.format][0](source)


def load_pairs(source: Source) -> pd.DataFrame:
    """Load a data set's rated pairs for fine-tuning: columns `query`, `product`, `title`, `relevance` (1 to 3).

    Raises:
        InputError: the format has none; its files cannot be read or hold what is not allowed.
    """
    if source.format not in PAIRS:
        raise InputError(unknown("data set with pairs for fine-tuning", source.format, PAIRS))
    return PAIRS[source.format][1](source)
