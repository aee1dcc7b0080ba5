"""Where a data set lies and how it is read, as a value that the configuration makes and the loaders take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from relevance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Source", "UnknownProducts", "refuse_unused"]

UnknownProducts = Literal["error", "drop"]


@dataclass(frozen=True)
class Source:
    """Where a data set lies and how it is read.

    Attributes:
        name: results and floors stand under it: the format's name, or an alias.
        format: key of `relevance.datasets.DATASETS`.
        path: the folder of its files.
        columns: our column name -> theirs (format `files`).
        gains: label -> grade, whole numbers of 0 or more (formats that have labels: wands, esci, files with words).
        relevant_from: lowest grade that counts as relevant, 1 or more; None: the format's own.
        unknown_products: what a judgment of a product that is not in the catalogue is: an error, or dropped and
            counted.
        over: ids of the products of an index that exists, which the catalogue is made of whatever the files have;
            None: the products of the files. No setting: `datasets.load_over` sets it.

    Raises:
        InputError: a value is not allowed.
    """

    name: str
    format: str
    path: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    gains: Mapping[str, int] = field(default_factory=dict)
    relevant_from: int | None = None
    unknown_products: UnknownProducts = "error"
    over: tuple[str, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for part in ("columns", "gains"):
            if not isinstance(getattr(self, part), Mapping):
                raise self._fault(part, getattr(self, part), "a table")
            object.__setattr__(self, part, MappingProxyType(dict(getattr(self, part))))
        for ours, theirs in self.columns.items():
            if not isinstance(theirs, str) or not theirs:
                raise self._fault(f"columns.{ours}", theirs, "the name of a column")
        for label, grade in self.gains.items():
            if not _is_whole(grade, lowest=0):
                raise self._fault(f"gains.{label}", grade, "a whole number of 0 or more")
        if self.relevant_from is not None and not _is_whole(self.relevant_from, lowest=1):
            raise self._fault("relevant_from", self.relevant_from, "a whole number of 1 or more")
        if self.unknown_products not in get_args(UnknownProducts):
            raise self._fault("unknown_products", self.unknown_products, ", ".join(get_args(UnknownProducts)))

    def _fault(self, setting: str, value: object, allowed: str) -> InputError:
        return InputError(f"data set {self.name!r}: {setting} = {value!r}; allowed: {allowed}")


def _is_whole(value: object, *, lowest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def refuse_unused(source: Source, *takes: str) -> None:
    """Refuse what is set and the format does not use; `relevant_from` and `unknown_products` are for every format.

    Args:
        source: what is set.
        takes: which of `columns` and `gains` the format uses.

    Raises:
        InputError: one of the others is set.
    """
    for setting in ("columns", "gains"):
        if getattr(source, setting) and setting not in takes:
            which = f"format {source.format!r} does not use {setting}"
            allowed = ", ".join((*takes, "relevant_from", "unknown_products"))
            raise InputError(f"data set {source.name!r}: {which}; settings it takes: {allowed}")
