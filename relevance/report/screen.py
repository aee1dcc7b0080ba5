"""A summary on one screen: long lines are folded, and of what there are many lines of the rest is counted."""

from __future__ import annotations

import os
from collections import Counter
from itertools import groupby, islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from relevance.text import Line, folded, plural, shortened, terminal_table, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SCREEN = 40
"""Rows of a screen that a session's summary has room on."""

SUMMARY = "summary.txt"
"""The file with all lines of a summary, none of them cut or folded."""

WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        "report.html": "a page: verdict, charts, every query",
        "diagnosis.md": "which queries changed, and why",
        "costs.md": "quality beside cost",
        "to_judge.csv": "hits to judge (relevance judge)",
        SUMMARY: "this summary in full",
        "results.json": "every number, for programs",
    }
)
"""What the end of a session names of a folder of results, in the order of reading."""

ORDER_OF_JUDGING = "written beside the data: the order in which hits are asked to be judged; commit it"
"""What the end of a session says of the file of `relevance.datasets.asked`, where it wrote to it."""

STRATEGY, FAILURE, FINDING, DIFFERENCE, REASON, CHANGE, NOTE, NO_HITS, WHY = (
    *("strategy", "failure", "finding", "difference", "reason", "change", "note", "no hits", "why"),
)
"""Parts of which there may be many lines."""

_NOUNS: Mapping[str, str] = MappingProxyType({NO_HITS: "line", WHY: "line"})
# so many lines of each part for one of another, where not all have room
_WEIGHTS: Mapping[str, int] = MappingProxyType({STRATEGY: 4, FAILURE: 2, FINDING: 2, DIFFERENCE: 2})
_WORDS: Mapping[str, str] = MappingProxyType({"bad": "FAIL", "good": "pass", "warn": "not gated"})
_MOST_FOLDS = 3


def written_lines(folder: Path, shown: str) -> list[Line]:
    """Name what a run has written in a folder that people see as `shown`: one line, and one a file worth a look."""
    lines = []
    for name, what in WRITTEN.items():
        files = [file for file in sorted(folder.rglob(name)) if name != "to_judge.csv" or _has_rows(file)]
        lines += [(os.path.join(shown, file.relative_to(folder)), what) for file in files]  # noqa: PTH118 - as it is shown
    return [Line(f"results: {shown}"), *(Line(f"  {text}") for text in terminal_table(lines))]


def _has_rows(file: Path) -> bool:
    with file.open("rb") as lines:
        return sum(1 for _ in islice(lines, 2)) > 1


def folded_lines(lines: Sequence[Line], columns: int) -> list[Line]:
    """Lines of at most so many columns, each row one."""
    return [Line(row, line.mark) for line in lines for row in folded(line.text, columns)]


def on_screen(lines: Sequence[Line], *, columns: int, rows: int = SCREEN) -> list[Line]:
    """Lines, folded, that take at most so many rows where what is always shown does.

    Lines of one part that follow each other are a block. Where there is no room for all, every block has some in turn,
    the first of it before the others, and a line that counts the rest.
    """
    blocks = [list(block) for _, block in groupby(lines, key=lambda line: line.part)]
    blocks = [[_cut(line, columns) if line.part else line for line in block] for block in blocks]
    room = rows - sum(_rows(line, columns) for block in blocks for line in block if not line.part)
    shown = iter(_shares([block for block in blocks if block[0].part], columns, room))
    fitting = [line for block in blocks for line in (_shown(block, next(shown)) if block[0].part else block)]
    return folded_lines(fitting, columns)


def _cut(line: Line, columns: int) -> Line:
    """A line that does not take many rows; the file has it whole."""
    text = line.text
    while len(folded(text, columns)) > _MOST_FOLDS:
        text = shortened(text, min(len(text) - 1, columns * _MOST_FOLDS))
    return Line(text, line.mark, line.part, line.is_first)


def _rows(line: Line, columns: int) -> int:
    return sum(max(1, -(-width(row) // columns)) for row in folded(line.text, columns))


def _in_turn(block: Sequence[Line]) -> list[int]:
    """Numbers of the lines of a block, those first that are shown before others."""
    return sorted(range(len(block)), key=lambda at: not block[at].is_first)


def _shares(blocks: Sequence[Sequence[Line]], columns: int, room: int) -> list[int]:
    """How many lines of each block are shown in so many rows; a block that is not shown whole needs one to say so."""
    shares, left = [0] * len(blocks), room - len(blocks)
    costs = [[_rows(block[at], columns) for at in _in_turn(block)] for block in blocks]
    for cost in costs:
        cost[-1] -= 1  # the row that would count it
    grows = True
    while grows:
        grows = False
        for at, cost in enumerate(costs):
            for _ in range(_WEIGHTS.get(blocks[at][0].part, 1)):
                if shares[at] < len(cost) and cost[shares[at]] <= left:
                    left -= cost[shares[at]]
                    shares[at] += 1
                    grows = True
    return shares


def _shown(block: Sequence[Line], share: int) -> Iterator[Line]:
    """So many lines of a block in their order, and how many more there are."""
    first = set(_in_turn(block)[:share])
    yield from (line for at, line in enumerate(block) if at in first)
    more = [line for at, line in enumerate(block) if at not in first]
    if more:
        what, marks = more[0].part, Counter(line.mark for line in more)
        kinds = ", ".join(f"{marks[mark]:,} {word}" for mark, word in _WORDS.items() if marks[mark])
        indent = " " * (len(more[0].text) - len(more[0].text.lstrip()))
        counted = plural(len(more), f"more {_NOUNS.get(what, what)}")
        counted += f" ({kinds})" if what == STRATEGY else ""
        yield Line(f"{indent}… {counted}, in {SUMMARY}", "bad" if marks["bad"] else "")
