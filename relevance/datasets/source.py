"""Where a data set lies and how it is read, as a value that the configuration makes and the loaders take."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - the annotations of settings are read where it runs
from dataclasses import MISSING, dataclass, field
from types import MappingProxyType

from relevance.errors import InputError, unknown
from relevance.setting import Grade, Grades, Location, Text, Texts, UnknownProducts, setting

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


def simplest(value: float) -> float:
    """The number as an int where it is whole: it is hashed and printed as one."""
    return int(value) if value == int(value) else float(value)


def parsed_grade(text: str) -> float | None:
    """The grade that a text says (`3`, `3.0`, `0.37`; below 0 too), None where it says none."""
    if not _NUMBER.fullmatch(text) or not abs(float(text)) <= MAX_GRADE:
        return None
    return simplest(float(text))
