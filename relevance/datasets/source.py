"""Where a data set lies and how it is read, as a value that the configuration makes and the loaders take."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - the annotations of settings are read where it runs
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from relevance.errors import InputError, unknown
from relevance.setting import Grade, Grades, Location, Setting, Text, Texts, UnknownProducts

MAX_GRADE = 999_999_999

_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Source:
    """Where a data set lies and how it is read: `[datasets.NAME]` of the configuration.

    Attributes:
        name: results and floors stand under it: the format's name, or an alias.
        over: ids of the products of an index that exists, which the catalogue is made of whatever the files have;
            None: the products of the files. No setting: `datasets.load_over` sets it.
    """

    name: str
    format: Annotated[Text, Setting("format of the files", default="required")]
    path: Annotated[Location | None, Setting("folder of the files")] = None
    columns: Annotated[Texts, Setting("our column names to those of the files", default="the same names")] = field(
        default_factory=dict
    )
    gains: Annotated[Grades, Setting("labels of judgments to grades", default="the format's own")] = field(
        default_factory=dict
    )
    relevant_from: Annotated[
        Grade | None, Setting("lowest grade that counts as relevant", default="the format's own")
    ] = None
    unknown_products: Annotated[
        UnknownProducts, Setting("judgments for products that this catalogue lacks", default="unknown_products")
    ] = "error"
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
        for setting in ("columns", "gains"):
            if getattr(self, setting) and setting not in takes:
                which = f"format {self.format!r} does not use {setting}"
                allowed = ", ".join((*takes, "relevant_from", "unknown_products"))
                raise InputError(f"data set {self.name!r}: {which}; settings it takes: {allowed}")

    def gains_of(self, labels: Mapping[str, float]) -> dict[str, float]:
        """The grade of each label of a format: its own, or that of this source."""
        for label in self.gains:
            if label not in labels:
                raise InputError(f"data set {self.name!r}: gains: {unknown('label', label, labels)}")
        return {**labels, **self.gains}


def simplest(value: float) -> float:
    """The number as an int where it is whole: it is hashed and printed as one."""
    return int(value) if value == int(value) else float(value)


def parsed_grade(text: str) -> float | None:
    """The grade that a text says (`3`, `3.0`, `0.37`; below 0 too), None where it says none."""
    if not _NUMBER.fullmatch(text) or not abs(float(text)) <= MAX_GRADE:
        return None
    return simplest(float(text))
