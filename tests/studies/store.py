"""Results of a study as a CSV file that grows row by row, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "studies"


def collect(
    file: Path, cells: Iterable[Mapping[str, object]], measure: Callable[..., Mapping[str, object]]
) -> list[dict[str, str]]:
    """Measure the cells that the file does not hold yet, and append each as soon as it is there.

    Args:
        file: has a header and one row a cell; it is made where it is missing.
        cells: what tells a row from the others, arguments of `measure`.
        measure: what a cell gives.

    Returns:
        All rows of the file, as text.
    """
    done = _rows(file)
    for cell in cells:
        key = {name: str(value) for name, value in cell.items()}
        if any(key.items() <= row.items() for row in done):
            continue
        row = dict(cell) | dict(measure(**cell))
        with file.open("a", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(row), lineterminator="\n")
            if not done:
                writer.writeheader()
            writer.writerow(row)
        done.append({name: str(value) for name, value in row.items()})
        sys.stderr.write(f"{', '.join(f'{name} {value}' for name, value in row.items())}\n")
    return done


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))
