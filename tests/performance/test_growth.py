"""How the costs of the embedded engine grow with the catalogue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from helpers.tables import Show

HERE = Path(__file__).resolve().parent
TITLE = "growth: 8 + 40 words, 6 attributes, one vector of 384 dimensions a product; single queries of 3 words"


@pytest.mark.parametrize("products", [1_000, 10_000, 100_000])
def test_growth(show: Show, products: int) -> None:
    """Index time, memory and the median time of a single query, each size in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, str(HERE / "grow.py"), str(products)]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)  # noqa: S603 - own command
    show(TITLE, json.loads(done.stdout))
