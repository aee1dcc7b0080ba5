"""A run that is killed while it updates a baseline leaves the old one or the new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from relevance.baseline import find_baseline, read_baseline

ROOT = Path(__file__).resolve().parents[2]

WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from made_up_snapshots import made_up, made_up_strategy
from relevance.baseline import write_baseline
queries = [f"q{{at:05}}" for at in range(2_000)]
snapshots = [made_up({{"titles": made_up_strategy(seed, queries=queries)}}, queries=queries) for seed in (1, 2)]
snapshots.append(made_up({{n: made_up_strategy(3, queries=queries) for n in ("a", "b", "c", "d")}}, queries=queries))
print("ready", flush=True)
while True:
    for snapshot in snapshots:
        write_baseline(snapshot, Path({folder!r}))
"""


def test_ten_kills_leave_no_damaged_file(tmp_path: Path) -> None:
    """SIGKILL at ten moments of a process that does nothing but update: the baseline is read every time."""
    script = WRITER.format(root=str(ROOT), tests=str(ROOT / "tests" / "unit"), folder=str(tmp_path))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    random = np.random.default_rng(11)
    for wait_s in random.uniform(0.05, 0.3, size=10):
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:  # noqa: S603
            assert process.stdout.readline() == "ready\n"
            time.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
        found = find_baseline(tmp_path, "shop")
        assert found is None or len(read_baseline(found).queries) == 2_000
    assert find_baseline(tmp_path, "shop") is not None
