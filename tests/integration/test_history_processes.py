"""A file of sessions that several processes append to at once."""

import subprocess
import sys
from pathlib import Path

from relevance.evaluation import NDCG10
from relevance.history import read_sessions


def test_several_processes_append_at_once(tmp_path: Path) -> None:
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from relevance.evaluation import NDCG10
from relevance.history import Commit, Version, append
one = Version(Commit("", datetime.now(UTC)), False, np.arange(9, dtype="u8"), {"titles": np.ones(9, "f4")})
for _ in range(12):
    append(Path(sys.argv[1]), one, dataset="shop", engine="embedded", metric=NDCG10)
"""
    started = [subprocess.Popen([sys.executable, "-c", code, tmp_path / "h"]) for _ in range(2)]  # noqa: S603
    assert [one.wait(120) for one in started] == [0, 0]
    assert len(read_sessions(tmp_path / "h", dataset="shop", metric=NDCG10)) == 24
