"""How long `import relevance` takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from parity.rounds import alternate

if TYPE_CHECKING:
    from helpers.tables import Show

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 9
SECONDS = 0.3


def run(code: str) -> None:
    """Run one line of Python in a process of its own."""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)  # noqa: S603 - own command


def test_import_time(show: Show) -> None:
    """`import relevance` beside an interpreter that does nothing, rounds alternated."""
    rounds = alternate(lambda: run("import relevance"), lambda: run("pass"), rounds=ROUNDS)
    taken = median(rounds.ours)
    show(
        "seconds to start Python and import relevance, medians",
        {
            "import relevance": taken,
            "least": min(rounds.ours),
            "most": max(rounds.ours),
            "pass": median(rounds.theirs),
            "rounds": ROUNDS,
            f"target < {SECONDS}": "met" if taken < SECONDS else "SHORT",
        },
    )
