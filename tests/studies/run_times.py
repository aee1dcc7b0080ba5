"""What the gate says of run times: on one core, beside other work, and where one strategy takes three times as long.

`PYTHONPATH=.:tests python -m studies.run_times` writes `docs/studies/gate-run-times.csv`, a row a session of
`pytest benchmarks/` on the sample, compared with the committed baseline. In these sessions it is a pytest plugin, which
makes the strategy that the environment names slower: its work is done so many times.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from relevance import runner
from relevance.records import Ranking
from relevance.strategies import STRATEGIES
from studies.store import FOLDER, collect

ROOT = Path(__file__).resolve().parents[2]
RUNS, TIMES, SLOWED = 10, 3, "SLOWED"


def _slow_down(name: str, times: int) -> None:
    search = runner.search

    def several(engine: Any, strategy: Any, batch: Any, **options: Any) -> Ranking:
        for _ in range(times - 1 if strategy.name == name else 0):
            search(engine, strategy, batch, **options)
        return search(engine, strategy, batch, **options)

    runner.search = several


if slowed := os.environ.get(SLOWED, ""):
    _slow_down(slowed, TIMES)


def session(where: str, run: int, slowed: str) -> dict[str, object]:
    """One session: its exit code, the strategies whose run time fails and warns, the largest ratio to the baseline."""
    del run  # tells rows apart
    with TemporaryDirectory() as folder, ExitStack() as beside:
        for _ in range(2 if where == "beside two busy processes" else 0):
            beside.enter_context(_busy())
        out = Path(folder) / "out"
        pinned = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if where == "one core" else []
        plugins = ["-p", "studies.run_times", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", "benchmarks", *plugins, "-q", "--engine", "embedded", "--out"]
        ended = subprocess.run(  # noqa: S603 - our own
            [*pinned, *command, str(out)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", SLOWED: slowed},
            capture_output=True,
            check=False,
            text=True,
        )
        if not (out / "results.json").exists():
            raise RuntimeError(ended.stdout + ended.stderr)
        (comparison,) = json.loads((out / "results.json").read_text())["comparison"]
    timed = [row for row in comparison["findings"] if row["measure"] == "run time"]
    largest = max(timed, key=lambda row: float(row["relative"]))
    return {
        "exit code": ended.returncode,
        "compared": len(timed),
        "loss": " ".join(row["strategy"] for row in timed if row["answer"] == "loss"),
        "likely loss": " ".join(row["strategy"] for row in timed if row["answer"] == "likely loss"),
        "largest ratio": round(1 + largest["relative"], 2),
        "of": largest["strategy"],
    }


@contextmanager
def _busy() -> Iterator[None]:
    """A process that takes a core as long as it may."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _cells() -> Iterator[dict[str, object]]:
    for where in ("two cores", "one core", "beside two busy processes"):
        yield from ({"where": where, "run": run, "slowed": ""} for run in range(RUNS))
    for run, name in enumerate(islice(cycle(STRATEGIES), RUNS)):
        yield {"where": "two cores", "run": run, "slowed": name}


if __name__ == "__main__":
    collect(FOLDER / "gate-run-times.csv", _cells(), session)
