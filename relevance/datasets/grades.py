"""From a label, as a file holds it, to a grade."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relevance.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.datasets.source import Source
    from relevance.datasets.tables import Table

__all__ = ["gains_of", "graded"]

_WHOLE = re.compile(r"([0-9]{1,9})(?:\.0+)?")


def gains_of(source: Source, defaults: Mapping[str, int]) -> dict[str, int]:
    """The grade of each label of a format: its own, or that of the source.

    Raises:
        InputError: the source names a label that the format does not have.
    """
    for label in source.gains:
        if label not in defaults:
            raise InputError(f"data set {source.name!r}: gains: {unknown('label', label, defaults)}")
    return {**defaults, **source.gains}


def graded(table: Table, column: str, gains: Mapping[str, int]) -> Table:
    """The table with labels made grades: by `gains`, or where there are none as whole numbers (3, or 3.0).

    Raises:
        InputError: a label is not among the gains, or is no whole number of 0 or more.
    """
    if gains:
        table.require(column, gains.__contains__, ", ".join(gains))
        return table.mapped(column, gains.__getitem__)
    table.require(column, _WHOLE.fullmatch, "a whole number of 0 or more, or words that each have a grade in gains")
    return table.mapped(column, lambda label: int(label.partition(".")[0]))
