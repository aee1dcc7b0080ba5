"""Aligned tables of figures for the end of a test session."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["table"]


def table(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the lines of a table: a column for each key, in the order of first appearance; numbers to the right."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([_text(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    right = [all(not isinstance(row.get(column, 0), str) for row in rows) for column in columns]
    return [
        "  ".join(f"{cell:>{width}}" if to_right else f"{cell:<{width}}" for cell, width, to_right in zipped).rstrip()
        for zipped in (zip(line, widths, right, strict=True) for line in cells)
    ]


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
