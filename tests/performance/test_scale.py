"""What data sets of a thousand, ten thousand and a hundred thousand products cost, and how the costs grow."""

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
PARTS = ("homedepot", "files", "check", "vectors")
TITLE = (
    "scale: {part}, 8 + 80 words, 8 attributes of 3 words and a vector of 384 dimensions a product, a query of 3 words"
    " for every 10; memory without file pages"
)


def run(part: str, products: int, folder: Path) -> str:
    """Run a part of scale.py in a process of its own; what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, str(HERE / "scale.py"), part, str(products), str(folder)]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout  # noqa: S603 - own command


@pytest.fixture(scope="module", params=[1_000, 10_000, 100_000])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A data set of that many products in both layouts, and a cache of vectors."""
    folder = tmp_path_factory.mktemp(f"products{request.param}")
    run("make", request.param, folder)
    return request.param, folder


@pytest.mark.parametrize("part", PARTS)
def test_scale(show: Show, made: tuple[int, Path], part: str) -> None:
    """Seconds and memory of each step."""
    products, folder = made
    for row in json.loads(run(part, products, folder)):
        show(TITLE.format(part=part), {"products": products, **row})
