"""How costs grow with the catalogue, each size in a process of its own: of both engines, and of a whole data set."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.tables import Show
from parity.server import ReferenceServer

HERE = Path(__file__).resolve().parent
SIZES = (1_000, 10_000, 100_000)
OWN_SIZES = SIZES if os.environ.get("RELEVANCE_GROWTH") == "full" else SIZES[:2]
WHAT = "8 + 40 words, 6 attributes, one made vector of 384 dimensions a product"
EMBEDDED = f"growth: {WHAT}; single queries of 3 words"
INDEXING = f"growth of indexing on Elasticsearch: {WHAT}; memory of our process without file pages"
SEARCHING = f"growth of searching on Elasticsearch: {WHAT}; queries of 3 words"
OWN = (
    "growth: eight fields of one's own (48 words, 6 small documents, a brand, numbers, a date; two analyzers, copy_to),"
    " search body of 8 clauses; seconds of the processor, memory without file pages"
)
SCALE = (
    "scale: {part}, 8 + 80 words, 8 attributes of 3 words and a vector of 384 dimensions a product, a query of 3 words"
    " for every 10; memory without file pages"
)


def grow(*arguments: object) -> Any:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, HERE.parents[:2]))}
    command = [sys.executable, str(HERE / "grow.py"), *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - own command
    return json.loads(done.stdout)


@pytest.mark.parametrize("products", SIZES)
def test_growth(show: Show, products: int) -> None:
    show(EMBEDDED, grow("embedded", products))


@pytest.mark.needs("es8")
@pytest.mark.parametrize("products", SIZES)
def test_growth_on_elasticsearch(reference: ReferenceServer, show: Show, products: int) -> None:
    costs = grow("elasticsearch", products, reference.url)
    show(INDEXING, costs["indexing"])
    for row in costs["searching"]:
        show(SEARCHING, row)


@pytest.fixture(scope="module", params=SIZES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A data set of that many products in both layouts, and a cache of vectors."""
    folder = tmp_path_factory.mktemp(f"products{request.param}")
    grow("make", request.param, folder)
    return request.param, folder


@pytest.mark.parametrize("part", ["homedepot", "files", "check", "vectors"])
def test_scale(show: Show, made: tuple[int, Path], part: str) -> None:
    for row in grow(part, *made):
        show(SCALE.format(part=part), row)


@pytest.mark.parametrize("products", OWN_SIZES)
def test_growth_of_own_fields(show: Show, tmp_path: Path, products: int) -> None:
    grow("make_own", products, tmp_path)
    show(OWN, grow("own", products, tmp_path))
