"""Limits as a value: what is nearest holds. What is wrong with a file's is in `test_config_errors.py`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from relevance.config import read_config, rows
from relevance.evaluation import JUDGED10, NDCG10, RR10
from relevance.gate import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.config import Config


def _config(folder: Path, text: str) -> Config:
    file = folder / "relevance.toml"
    file.write_text(text)
    return read_config(options={}, environ={}, file=file, root=folder)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """Those of the procedure that was studied."""
    assert read_config(options={}, environ={}, file=None, root=tmp_path).gate == Limits()
    assert asdict(Limits().of("rrf", NDCG10)) == {
        "fail": 0.02,
        "fail_large": 0.05,
        "warn": 0.02,
        "warn_sure": 0.005,
        "least_drop": 0.005,
        "p_sure": 0.01,
        "p_warn": 0.05,
        "p_large": 0.1,
        "large_queries": 1_000,
        "least_queries": 50,
        "worse": "lower",
        "leading": True,
    }
    assert not Limits().of("rrf", RR10).leading


def test_the_nearest_limit_holds(tmp_path: Path) -> None:
    """A strategy's metric before the strategy, before the metric, before all."""
    text = """
        [gate]
        fail = 0.03
        p_sure = 0.001
        [gate.metrics."RR@10"]
        fail = 0.04
        warn = 0.1
        worse = "higher"
        [gate.strategies.rrf]
        fail = 0.05
        time_fail = 4
        [gate.strategies.rrf."AP@10"]
        fail = 0.06
        """
    limits = _config(tmp_path, text).gate
    found = {(name, str(metric)): limits.of(name, metric) for name in ("hybrid", "rrf") for metric in limits.gated}
    assert {key: limit.fail for key, limit in found.items()} == {
        ("hybrid", "nDCG@10"): 0.03,
        ("hybrid", "AP@10"): 0.03,
        ("hybrid", "RR@10"): 0.04,
        ("rrf", "nDCG@10"): 0.05,
        ("rrf", "AP@10"): 0.06,
        ("rrf", "RR@10"): 0.05,
    }
    assert {key[1] for key, limit in found.items() if limit.worse == "higher"} == {"RR@10"}
    assert {limit.warn for limit in found.values()} == {0.02, 0.1}
    assert {limit.p_sure for limit in found.values()} == {0.001}
    assert (limits.time("rrf"), limits.time("hybrid")) == ((1.5, 4), (1.5, 2.0))


def test_metrics_can_be_chosen(tmp_path: Path) -> None:
    """In the order in which they stand, each once; the one that leads is among them."""
    limits = _config(tmp_path, '[gate]\ngated = ["Judged@10", "RR@10", "Judged@10"]\nleading = "RR@10"').gate
    assert (limits.gated, limits.leading) == ((JUDGED10, RR10), RR10)


def test_limits_are_shown_with_where_they_come_from(tmp_path: Path) -> None:
    """Every key, and the tables in one line."""
    config = _config(tmp_path, '[gate]\nfail = 0.03\n[gate.strategies.rrf]\nwarn = 0.1\n"AP@10" = {fail = 0.04}')
    found = {key: (value, origin) for key, value, origin in rows(config)}
    assert found["gate.fail"] == ("0.03", "relevance.toml")
    assert found["gate.gated"] == ("nDCG@10, AP@10, RR@10", "default")
    assert found["gate.metrics"] == ("none", "default")
    assert found["gate.strategies"] == ("rrf = {warn = 0.1, AP@10 = {fail = 0.04}}", "relevance.toml")
