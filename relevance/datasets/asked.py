"""Which hits were asked to be judged, in which order: a CSV file beside the data set's own.

The order in which a comparison's hits are judged depends on what was judged when it was first made, and the judged ones
are a sample of the others in that order alone (`relevance.gate.holes`). So it is kept until others have taken its room.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import astuple, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from relevance.errors import RelevanceError
from relevance.files import TextFile, csv_text, input_errors, locked, plain_text, quoted, write_file, writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ASKED = "judgments.asked.csv"
"""The name of the file; `relevance.datasets.overlay.beside` says in which folder."""

MOST_OF_ONE = 5_000
"""So many rows of a comparison are kept: far more than anybody judges."""

MOST = 200_000
"""So many of all, about 20 MB; those that were asked for longest ago go first."""

Cell = Literal["A", "B"]

_COLUMNS = ("comparison", "strategy", "query", "product", "cell", "w", "u", "rank_before", "rank_after")
_KEY = re.compile("[0-9a-f]{16}")
_RANK = re.compile("[1-9][0-9]?|")


@dataclass(frozen=True)
class Row:
    """A hit to be judged that can move the difference, as it stands in the order.

    Attributes:
        cell: `A` where it helps the new side if it is relevant, `B` where it helps the baseline.
        w: how much it can move its query's nDCG, about: rows are drawn in proportion to it.
        u: its number, from 0 to 1, which query and product alone decide; rows are in descending order of w / u.
        rank_before: in the baseline's hits, None where it is not among the first.
        rank_after: likewise.
    """

    query: str
    product: str
    cell: Cell
    w: float
    u: float
    rank_before: int | None
    rank_after: int | None


def comparison_key(queries: Sequence[str], before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]) -> str:
    """Name a comparison by what both sides find: the same hits are the same comparison, whatever is judged."""
    digest = sha256()
    for part in zip(queries, before, after, strict=True):
        digest.update(repr((part[0], *map(list, part[1:]))).encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]


class Orders:
    """The orders that are kept in a file, by the key of their comparison.

    Args:
        path: of the file, which need not be there; None where nothing can be kept.

    Attributes:
        written: the file, once an order was added to it.

    Raises:
        InputError: it cannot be read, or is not as it was written: file, line, a way out.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kept: dict[str, tuple[str, tuple[Row, ...]]] = {} if path is None else _read(path)
        self._changed = False
        self.written: Path | None = None

    def of(self, key: str) -> tuple[Row, ...] | None:
        """Give the order of a comparison; None where it was not made before."""
        kept = self._kept.get(key)
        return kept and kept[1]

    def keep(self, key: str, strategy: str, rows: Sequence[Row]) -> None:
        """Keep the order of a comparison of a strategy, where it has one and none is kept."""
        if key in self._kept:
            self._kept[key] = self._kept.pop(key)  # what is asked for goes last
        elif rows:
            self._kept[key] = strategy, tuple(rows[:MOST_OF_ONE])
            self._changed = True

    def write(self) -> str:
        """Write the file, where an order is new.

        Returns:
            Why it was not written, a line for people; "" where all is kept.
        """
        if not self._changed:
            return ""
        if self._path is None:
            return "the order of judging is not kept: the data set has no folder to keep it in"
        try:
            with writing(str(self._path)), locked(self._path.parent, wait=True):
                # another session may have written meanwhile: what it asked for first stays as it is
                self._kept |= _read(self._path)
                write_file(self._path, csv_text(_COLUMNS, self._cells()))
        except RelevanceError as error:
            return f"the order of judging is not kept: {error}"
        self._changed, self.written = False, self._path
        return ""

    def _cells(self) -> list[tuple[str | float | None, ...]]:
        room, kept = MOST, []
        for key, (strategy, rows) in reversed(self._kept.items()):
            room -= len(rows)
            if room >= 0:
                kept.append((key, strategy, rows))
        return [
            (key, strategy, row.query, row.product, row.cell, repr(row.w), repr(row.u), *astuple(row)[5:])
            for key, strategy, rows in reversed(kept)
            for row in rows
        ]


def _read(path: Path) -> dict[str, tuple[str, tuple[Row, ...]]]:
    with input_errors(path):
        if not os.path.lexists(path):
            return {}
        file = TextFile(path)
        orders: dict[str, tuple[str, dict[tuple[str, str], Row]]] = {}
        for number, (line, cells) in enumerate(file.rows(",")):
            problem = _problem(cells, head=not number) or ("more rows than are ever kept" if number > 2 * MOST else "")
            if not problem and number:
                key, strategy, query, product = (plain_text(cell) for cell in cells[:4])
                rows = orders.setdefault(key, (strategy, {}))[1]
                if (query, product) in rows:
                    problem = f"query {quoted(query)} and product {quoted(product)} stand twice"
                rows[query, product] = _row(query, product, cells)
            if problem:
                way_out = "allowed: the file as relevance wrote it; without it the order of judging begins anew"
                raise file.fault(line, f"{problem}; {way_out}")
    return {key: (strategy, tuple(rows.values())) for key, (strategy, rows) in orders.items()}


def _problem(cells: Sequence[str], *, head: bool) -> str:
    if head:
        return "" if tuple(cells) == _COLUMNS else f"other columns than {', '.join(_COLUMNS)}"
    if len(cells) != len(_COLUMNS):
        return f"{len(cells)} cells where {len(_COLUMNS)} are expected"
    values = dict(zip(_COLUMNS, cells, strict=True))
    fits: Mapping[str, bool] = {
        "comparison": bool(_KEY.fullmatch(values["comparison"])),
        "cell": values["cell"] in ("A", "B"),
        **{name: _is_number(values[name]) for name in ("w", "u")},
        **{name: bool(_RANK.fullmatch(values[name])) for name in ("rank_before", "rank_after")},
    }
    return next((f"{name} = {quoted(values[name])}" for name, fit in fits.items() if not fit), "")


def _is_number(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def _row(query: str, product: str, cells: Sequence[str]) -> Row:
    cell: Cell = "A" if cells[4] == "A" else "B"
    before, after = (int(rank) if rank else None for rank in cells[7:])
    return Row(query, product, cell, float(cells[5]), float(cells[6]), before, after)
