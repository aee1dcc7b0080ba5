"""A user's project for tests of the plugin: a tiny catalogue in the Home Depot layout, no model needed."""

from __future__ import annotations

import json
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark import plugin as benchmark

from helpers.pages import payload, validator

# numpy cannot be imported twice in a process, as inner sessions would; the others are slow
for name in ("relevance.engines.embedded", "relevance.plugin.run", "scipy.sparse"):
    import_module(name)

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks" / "test_strategies.py"
TRAIN = """"id","product_uid","product_title","search_term","relevance"
1,100,"Oak table for six","oak table",3
2,101,"Garden bench of pine","oak table",1
3,102,"Pine shelf, 3 boards","shelf",2.67
4,101,"Garden bench of pine","garden bench",3
5,103,"Bench vice","garden bench",1.33
6,104,"Sofa in grey","couch",3
"""
# what collects garbage at the end of every inner session
_WITHOUT = "-p no:unraisableexception -p no:threadexception"


def write_project(pytester: pytest.Pytester, *, autoload: bool = False) -> pytest.Pytester:
    """One line of conftest, the benchmark file, a data set, no floors; of other plugins pytest-benchmark alone."""
    pytester.makeconftest('pytest_plugins = ["relevance.plugin"]')
    pytester.makeini(f"[pytest]\nfilterwarnings = error\naddopts = --import-mode=importlib {_WITHOUT}")
    pytester.mkdir("benchmarks")
    pytester.mkdir("data")
    (pytester.path / "benchmarks" / "test_strategies.py").write_text(BENCHMARKS.read_text())
    write_train(pytester, TRAIN)
    if not autoload:
        pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester._monkeypatch.setattr(pytester, "inline_run", partial(pytester.inline_run, plugins=[benchmark]))
    return pytester


def calibrate_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take run times as ever, of a calibration that takes no second."""
    for name, value in (("_PRODUCTS", 50), ("_QUERIES", 10), ("_LEAST_S", 0.01)):
        monkeypatch.setattr(f"relevance.suite.measure.{name}", value)


def write_train(pytester: pytest.Pytester, text: str) -> None:
    """Replace products, queries and judgments."""
    (pytester.path / "data" / "train.csv").write_text(text, encoding="latin-1")


def write_floors(folder: Path, **mrr: float) -> None:
    tables = (f"[homedepot.{strategy}]\nMRR = {floor}\n" for strategy, floor in mrr.items())
    (folder / "thresholds.toml").write_text("".join(tables))


def results(pytester: pytest.Pytester, out: str = ".relevance/latest") -> Any:
    """What `results.json` holds, which is as its schema says and what the page beside it holds."""
    folder = pytester.path / out
    document = json.loads((folder / "results.json").read_text())
    validator().validate(document)
    assert payload(folder / "report.html")["results"] == document
    return document


def printed(result: pytest.RunResult) -> str:
    """All that a session printed; a traceback is never among it."""
    text = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in text
    return text


def usage_error(result: pytest.RunResult) -> str:
    """The one line of a session that ended with exit code 4."""
    assert result.ret == 4
    printed(result)
    (line,) = [line for line in result.stderr.lines if line.startswith("ERROR: ")]
    return line.removeprefix("ERROR: ")
