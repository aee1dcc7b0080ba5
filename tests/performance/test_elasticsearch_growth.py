"""How the costs of an index of ours on Elasticsearch grow with the catalogue."""

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
    from parity.server import ReferenceServer

HERE = Path(__file__).resolve().parent
WHAT = "8 + 40 words, 6 attributes, one made vector of 384 dimensions a product"
INDEXING = f"growth of indexing on Elasticsearch: {WHAT}; memory of our process without file pages"
SEARCHING = f"growth of searching on Elasticsearch: {WHAT}; queries of 3 words"


@pytest.mark.needs("es8")
@pytest.mark.parametrize("products", [1_000, 10_000, 100_000])
def test_growth_on_elasticsearch(reference: ReferenceServer, show: Show, products: int) -> None:
    """Rate and memory of indexing, times of single queries and of many, each size in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, str(HERE / "grow_elasticsearch.py"), reference.url, str(products)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - own command
    costs = json.loads(done.stdout)
    show(INDEXING, {"products": products, **costs["indexing"]})
    for row in costs["searching"]:
        show(SEARCHING, {"products": products, **row})
