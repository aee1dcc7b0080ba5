"""What the gate says of run times: on one core, beside other work, and where one strategy takes three times as long.

`PYTHONPATH=.:tests python -m studies.gate_run_times` writes `docs/studies/gate-run-times.csv`, a row a session of
`pytest benchmarks/` on the sample, compared with the committed baseline.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from relevance.strategies import STRATEGIES
from studies.slowed import VARIABLE
from studies.store import FOLDER, collect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
RUNS, SLOWED = 10, 10
"""Sessions of each surrounding, and with one strategy slowed down."""
TIMES = 3
_SPIN = "while True: pass"


def session(where: str, run: int, slowed: str, *, options: Sequence[str] = ()) -> dict[str, object]:
    """One session, and what it says of run times.

    Args:
        where: `two cores`, `one core`, or `beside two busy processes`.
        run: its number.
        slowed: the strategy that takes `TIMES` times as long, "" for none.
        options: further ones of pytest.

    Returns:
        Exit code, names of the strategies whose run time fails and warns, and the largest ratio to the baseline, with
        the strategy that has it.
    """
    del run  # tells rows apart
    with TemporaryDirectory() as folder, ExitStack() as beside:
        for _ in range(2 if where == "beside two busy processes" else 0):
            beside.enter_context(_busy())
        out = Path(folder) / "out"
        pinned = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if where == "one core" else []
        command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "studies.slowed", "-p", "no:cacheprovider", "-q"]
        ended = subprocess.run(  # noqa: S603 - our own
            [*pinned, *command, "--engine", "embedded", "--out", str(out), *options],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", VARIABLE: f"{slowed}:{TIMES}" if slowed else ""},
            capture_output=True,
            check=False,
            text=True,
        )
        if not (out / "results.json").exists():
            raise RuntimeError(ended.stdout + ended.stderr)
        (found,) = json.loads((out / "results.json").read_text())["comparison"]
    return {"exit code": ended.returncode, **_said(found["findings"])}


def _said(findings: Sequence[dict[str, Any]]) -> dict[str, object]:
    timed = [row for row in findings if row["measure"] == "run time"]
    largest = max(timed, key=lambda row: float(row["relative"]))
    return {
        "compared": len(timed),
        "fail": " ".join(row["strategy"] for row in timed if row["status"] == "fail"),
        "warn": " ".join(row["strategy"] for row in timed if row["status"] == "warn"),
        "largest ratio": round(1 + largest["relative"], 2),
        "of": largest["strategy"],
    }


class _busy:  # noqa: N801 - a context, as those of contextlib
    """A process that takes a core as long as it may."""

    def __enter__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", _SPIN])  # noqa: S603 - our own

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _cells() -> Iterator[dict[str, object]]:
    for where in ("two cores", "one core", "beside two busy processes"):
        yield from ({"where": where, "run": run, "slowed": ""} for run in range(RUNS))
    for run, name in enumerate(islice(cycle(STRATEGIES), SLOWED)):
        yield {"where": "two cores", "run": run, "slowed": name}


def main() -> None:
    """Measure what is missing."""
    collect(FOLDER / "gate-run-times.csv", _cells(), session)


if __name__ == "__main__":
    main()
