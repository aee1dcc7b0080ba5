"""Results of a study as a CSV file that grows row by row, so that a run that was stopped goes on where it was."""

import csv
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "studies"


def collect(
    file: Path, cells: Iterable[Mapping[str, object]], measure: Callable[..., Mapping[str, object]]
) -> list[dict[str, str]]:
    """Measure the cells (what tells a row from the others) that the file lacks, append each at once; give all rows."""
    done = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) if file.exists() else []
    for cell in cells:
        key = {name: str(value) for name, value in cell.items()}
        if any(key.items() <= row.items() for row in done):
            continue
        row = {name: str(value) for name, value in {**cell, **measure(**cell)}.items()}
        with file.open("a", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(row), lineterminator="\n")
            if not done:
                writer.writeheader()
            writer.writerow(row)
        done.append(row)
        sys.stderr.write(f"{', '.join(f'{name} {value}' for name, value in row.items())}\n")
    return done
