"""A user's project for tests of the plugin: a tiny catalogue in the Home Depot layout, no model needed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

for name in ("report.pages", "engines.embedded", "report.folder", "report.terminal", "suite"):
    import_module(f"relevance.{name}")  # numpy cannot be imported twice in a process, as inner sessions would

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks" / "test_strategies.py"
TRAIN = """"id","product_uid","product_title","search_term","relevance"
1,100,"Oak table for six","oak table",3
2,101,"Garden bench of pine","oak table",1
3,102,"Pine shelf, 3 boards","shelf",2.67
4,101,"Garden bench of pine","garden bench",3
5,103,"Bench vice","garden bench",1.33
6,104,"Sofa in grey","couch",3
"""


def write_project(pytester: pytest.Pytester) -> pytest.Pytester:
    """One line of conftest, the benchmark file, a data set, no floors."""
    pytester.makeconftest('pytest_plugins = ["relevance.plugin"]')
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --import-mode=importlib")
    pytester.mkdir("benchmarks")
    pytester.mkdir("data")
    (pytester.path / "benchmarks" / "test_strategies.py").write_text(BENCHMARKS.read_text())
    (pytester.path / "data" / "train.csv").write_text(TRAIN, encoding="latin-1")
    return pytester
