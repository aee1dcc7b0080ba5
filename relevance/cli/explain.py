"""The command that explains a rank: one query, one product, a strategy or more."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from relevance import suite
from relevance.baseline import read_baseline
from relevance.cli import Answer
from relevance.cli.project import read_config
from relevance.report.explained import explained_lines

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> Answer:
    """Index what the strategies need, ask for the one query, and print where the product's score comes from."""
    config = read_config(arguments, measures=True)
    chosen = config.selected if config.origins["strategy"].startswith("option") else config.selected[:1]
    here = Path.cwd()
    baselines = [
        (os.path.relpath(path, here), read_baseline(path))
        for path in suite.baseline_paths(config, config.root / "benchmarks" / "baselines")
    ]
    plan = suite.only_query(suite.make_plan(replace(config, floors=None), chosen), arguments.query)
    code = suite.product_code(plan.dataset, arguments.product)
    lines: list[str] = []
    with closing(suite.prepare(plan, progress=True)) as prepared:
        for strategy in plan.strategies:
            ranked = suite.explain(prepared, strategy, code)
            before = [
                (name, suite.rank_before(snapshot, strategy.name, ranked.query, ranked.product))
                for name, snapshot in baselines
            ]
            lines += [*([""] if lines else []), *explained_lines(replace(ranked, before=tuple(before)))]
    return Answer(0, tuple(lines))
