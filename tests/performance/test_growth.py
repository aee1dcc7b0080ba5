"""How costs grow with the catalogue, each size in a process of its own: of both engines, and of a whole data set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from helpers.tables import Show
    from parity.server import ReferenceServer

HERE = Path(__file__).resolve().parent
SIZES = (1_000, 10_000, 100_000)
WHAT = "8 + 40 words, 6 attributes, one made vector of 384 dimensions a product"
EMBEDDED = f"growth: {WHAT}; single queries of 3 words"
INDEXING = f"growth of indexing on Elasticsearch: {WHAT}; memory of our process without file pages"
SEARCHING = f"growth of searching on Elasticsearch: {WHAT}; queries of 3 words"
SCALE = (
    "scale: {part}, 8 + 80 words, 8 attributes of 3 words and a vector of 384 dimensions a product, a query of 3 words"
    " for every 10; memory without file pages"
)


def run(script: str, *arguments: object) -> Any:
    """Run a script beside this file in a process of its own; what it prints as JSON, None for nothing."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - own command
    return json.loads(done.stdout or "null")


@pytest.mark.parametrize("products", SIZES)
def test_growth(show: Show, products: int) -> None:
    """Index time, memory and the median time of a single query."""
    show(EMBEDDED, run("grow.py", products))


@pytest.mark.needs("es8")
@pytest.mark.parametrize("products", SIZES)
def test_growth_on_elasticsearch(reference: ReferenceServer, show: Show, products: int) -> None:
    """Rate and memory of indexing, times of single queries and of many."""
    costs = run("grow_elasticsearch.py", reference.url, products)
    show(INDEXING, {"products": products, **costs["indexing"]})
    for row in costs["searching"]:
        show(SEARCHING, {"products": products, **row})


@pytest.fixture(scope="module", params=SIZES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A data set of that many products in both layouts, and a cache of vectors."""
    folder = tmp_path_factory.mktemp(f"products{request.param}")
    run("scale.py", "make", request.param, folder)
    return request.param, folder


@pytest.mark.parametrize("part", ["homedepot", "files", "check", "vectors"])
def test_scale(show: Show, made: tuple[int, Path], part: str) -> None:
    """Seconds and memory of each step from the files to the metrics."""
    products, folder = made
    for row in run("scale.py", part, products, folder):
        show(SCALE.format(part=part), {"products": products, **row})
