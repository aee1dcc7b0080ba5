"""How long `import relevance` takes, beside an interpreter that does nothing, rounds alternated."""

import subprocess
import sys
from pathlib import Path
from statistics import median

from helpers.tables import Show
from parity.rounds import alternate

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, SECONDS = 9, 0.3


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)  # noqa: S603 - own command


def test_import_time(show: Show) -> None:
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
