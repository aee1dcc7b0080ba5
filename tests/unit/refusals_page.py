"""Writes `docs/studies/refused-baselines.md`: what users see of each baseline that is refused in the tests.

`PYTHONPATH=.:tests/unit python -m refusals_page` after a change; a test compares.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from made_up_snapshots import made_up
from test_baseline_data import CHANGES
from test_baseline_files import REFUSED

from relevance.baseline import write_baseline
from relevance.errors import InputError
from relevance.suite import read_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "studies" / "refused-baselines.md"

INTRODUCTION = """# Baselines that are refused

Each ends the run with exit code 4 (`relevance compare`: 2) and this one line, before anything long starts; `…` stands
for what Python's own reader says of a place in the file. `python -m refusals_page` in `tests/unit` writes this page.
"""


def _line(read: Callable[[], object]) -> str:
    try:
        read()
    except InputError as error:
        # versions of Python word it differently
        return re.sub(r"(not JSON: )[A-Z].*?\(char \d+\)|(gzip: )[^;]*(?=\);)", r"\1\2…", str(error))
    raise AssertionError("it was not refused")


def _damaged(folder: Path) -> Iterator[tuple[str, str]]:
    path = folder / "shop.json"
    read = partial(read_checked, path, made_up(), cwd=folder, on_common_queries=False)
    for what, (content, _) in REFUSED.items():
        path.write_bytes(content)
        yield what, _line(read)
    path.unlink()
    yield "not there", _line(read)


def _of_other_data(folder: Path) -> Iterator[tuple[str, str]]:
    path = write_baseline(made_up(), folder)
    for what, (now, _) in CHANGES.items():
        yield what, _line(partial(read_checked, path, now, cwd=folder, on_common_queries=False))
    other = made_up(queries=("q7", "q8", "q9"))
    yield (
        "nothing in common, with --on-common-queries",
        _line(partial(read_checked, path, other, cwd=folder, on_common_queries=True)),
    )


def _table(rows: Iterator[tuple[str, str]]) -> list[str]:
    return ["", "| what | the line |", "| --- | --- |", *(f"| {what} | `{line}` |" for what, line in rows)]


def page() -> str:
    """The whole page."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        lines = [INTRODUCTION, "## Damaged, or changed by hand", *_table(_damaged(folder)), ""]
        lines += ["## Of other data than the session's", *_table(_of_other_data(folder))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
