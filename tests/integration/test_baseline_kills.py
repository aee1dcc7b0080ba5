"""A run that is killed while it updates a baseline leaves the old one or the new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from helpers.snapshots import random_measurement, snapshot

from relevance.baseline import find_baseline, read_baseline, write_baseline

ROOT = Path(__file__).resolve().parents[2]

WRITER = """
import os, sys
from functools import cache
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from helpers.snapshots import random_measurement, snapshot
from relevance.baseline import files, write_baseline
files.document_text, files._gzipped = cache(files.document_text), cache(files._gzipped)
queries = [f"q{{at:05}}" for at in range(2_000)]
snapshots = [snapshot({{"titles": random_measurement(seed, queries=queries)}}, queries=queries) for seed in (1, 2)]
snapshots.append(snapshot({{n: random_measurement(3, queries=queries) for n in ("a", "b", "c", "d")}}, queries=queries))
for snapshot in snapshots:
    write_baseline(snapshot, Path({folder!r}))
for line in sys.stdin:
    child = os.fork()
    while not child:
        for snapshot in snapshots:
            write_baseline(snapshot, Path({folder!r}))
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


def test_ten_kills_leave_no_damaged_file(tmp_path: Path) -> None:
    # Texts are made once, so that it is killed while it writes: some kills leave a temporary file behind.
    script = WRITER.format(root=str(ROOT), tests=str(ROOT / "tests"), folder=str(tmp_path))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    random, halves = np.random.default_rng(11), 0
    command = [sys.executable, "-c", script]
    with subprocess.Popen(  # noqa: S603 - own script
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1
    ) as starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        for wait_s in random.uniform(0.0, 0.2, size=10):
            starter.stdin.write("another\n")
            child = int(starter.stdout.readline())
            time.sleep(wait_s)
            os.kill(child, signal.SIGKILL)
            assert starter.stdout.readline() == "ended\n"
            assert len(read_baseline(find_baseline(tmp_path, "shop")).queries) == 2_000
            left = list(tmp_path.glob(".*.relevance-tmp"))
            halves += len(left)
            for path in left:
                path.unlink()
        starter.stdin.close()
    assert halves > 0


def test_a_large_benchmark_is_below_10_mb(tmp_path: Path) -> None:
    queries = [f"q{at:012x}" for at in range(5_859)]
    strategies = {f"strategy_{seed}": random_measurement(seed, queries=queries) for seed in range(11)}
    path = write_baseline(snapshot(strategies, queries=queries), tmp_path)
    assert path.name == "shop.json.gz"
    assert path.stat().st_size < 10_000_000
