"""CSV that a spreadsheet shows and never runs: UTF-8, commas, one head line, six decimals.

Spreadsheets run a cell that begins like a formula, and what customers typed is in these files. So a text cell that
begins with one of `= + - @` (full-width forms too), a tab, a line end or an apostrophe gets an apostrophe in front.
Taking one leading apostrophe off a text cell gives the text back. Numbers are numbers.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["csv_text"]

_FORMULA = tuple("=+-@＝＋－＠\t\r\n'")  # noqa: RUF001 - the full-width forms are meant


def _cell(value: str | float | None) -> str:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def csv_text(head: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """A head line and the rows; None is an empty cell."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return made.getvalue()
