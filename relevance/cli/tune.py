"""Search for better boosts on half of the queries, and report what they are worth on the other half."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.cli.command import Answer, out_of, read_config, write_out
from relevance.errors import InputError, unknown
from relevance.report.folder import check_folder
from relevance.report.terminal import plan_lines
from relevance.report.tuning import COMBINATIONS, tuning_files, tuning_lines
from relevance.suite import make_plan, prepare
from relevance.tuning import KINDS, check_texts, make_grid, parse_axis, split_queries, tune

if TYPE_CHECKING:
    import argparse

    from relevance.config import Config
    from relevance.strategies import Strategy


def run(arguments: argparse.Namespace) -> Answer:
    """Tune, write the folder, and say what was found."""
    if arguments.kind not in KINDS:
        raise InputError(unknown("kind", arguments.kind, KINDS))
    config = read_config(arguments)
    out = out_of(config) or config.out.parent / f"tune-{arguments.kind}"
    check_folder(out, content="tuning")
    today = _today(config, KINDS[arguments.kind].strategy)
    axes = [parse_axis(text) for text in arguments.grid]
    grid = make_grid(arguments.kind, today, axes=axes, without=arguments.without)
    plan = make_plan(replace(config, floors=None), [today])
    # what can be wrong is looked at before texts are embedded and indexed; those of an index that exists are its own
    if config.elasticsearch.index is None:
        check_texts(grid, plan.dataset.catalogue)
    split = split_queries(plan.dataset, share=arguments.share, seed=arguments.seed)
    with closing(prepare(plan, progress=True)) as suite:
        tuning = tune(suite.engine, suite.batch, plan.dataset, grid, split)
    engine = f"{plan.engine.name} {suite.engine.version}"
    write_out(out, tuning_files(tuning, plan.dataset, engine=engine, taken=config.strategies), "tuning")
    written = f"written to {out}: index.md, {COMBINATIONS}, …"
    return Answer(0, (*plan_lines(plan), "", *tuning_lines(tuning), written))


def _today(config: Config, usual: str) -> Strategy:
    """The strategy of the option; the configuration's list is for benchmarks."""
    if not config.origins["strategy"].startswith("option"):
        return config.strategies[usual]
    if len(config.selected) > 1:
        names = ", ".join(strategy.name for strategy in config.selected)
        raise InputError(f"--strategy {names}; allowed: one strategy, whose boosts are tuned")
    return config.selected[0]
