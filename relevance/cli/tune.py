"""Search for better boosts on half of the queries, and report what they are worth on the other half."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relevance.cli.command import OF_SESSIONS, Answer, Command, add_options, out_of, read_config, write_out
from relevance.errors import InputError, unknown

if TYPE_CHECKING:
    import argparse

    from relevance.config import Config
    from relevance.engines.base import Engine
    from relevance.strategies import Strategy
    from relevance.suite import Plan
    from relevance.tuning import Grid, Tuning

_SHARE, _SEED = 0.5, 12
_HELP = {
    "--strategy": "strategy whose boosts are tuned (default: textsearch_boosted, vectorsearch_multifield_boosted or "
    "hybrid_boosted)",
    "--out": "folder of results, replaced whole (default: tune-KIND beside the folder of benchmark results)",
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", help="what is tuned: text, multifield or hybrid")
    grid = "boosts to try for a field in the place of the usual ones; one boost keeps it fixed; repeatable"
    parser.add_argument("--grid", action="append", default=[], metavar="FIELD=N[,N]", help=grid)
    parser.add_argument("--without", action="append", default=[], metavar="FIELD", help="leave a field out; repeatable")
    share = f"share of the queries that boosts are chosen on (default: {_SHARE})"
    parser.add_argument("--share", type=float, default=_SHARE, metavar="SHARE", help=share)
    parser.add_argument(
        "--seed", type=int, default=_SEED, metavar="N", help=f"of split and interval (default: {_SEED})"
    )

    add_options(parser, without=("--floors", *OF_SESSIONS), helps=_HELP)


def _run(arguments: argparse.Namespace) -> Answer:
    """Tune, write the folder, and say what was found."""
    from relevance.report.folder import check_folder  # noqa: PLC0415 - pandas, only here
    from relevance.report.terminal import plan_lines  # noqa: PLC0415
    from relevance.report.tuning import COMBINATIONS, tuning_files, tuning_lines  # noqa: PLC0415
    from relevance.tuning import KINDS, make_grid, parse_axis  # noqa: PLC0415

    if arguments.kind not in KINDS:
        raise InputError(unknown("kind", arguments.kind, KINDS))
    config = read_config(arguments)
    folder = out_of(config) or config.out.parent / f"tune-{arguments.kind}"
    check_folder(folder, content="tuning")
    today = _today(config, KINDS[arguments.kind].strategy)
    axes = [parse_axis(text) for text in arguments.grid]
    grid = make_grid(arguments.kind, today, axes=axes, without=arguments.without)
    run = _tuned(arguments, config, grid)
    dataset, engine = run.plan.dataset, f"{run.plan.engine.name} {run.engine.version}"
    files = tuning_files(run.tuning, dataset, engine=engine, taken=config.strategies)
    write_out(folder, files, "tuning")
    lines = [
        *plan_lines(run.plan),
        "",
        *tuning_lines(run.tuning),
        f"written to {folder}: index.md, {COMBINATIONS}, …",
    ]
    return Answer(0, tuple(lines))


def _today(config: Config, usual: str) -> Strategy:
    """The strategy of the option; the configuration's list is for benchmarks."""
    if not config.origins["strategy"].startswith("option"):
        return config.strategies[usual]
    if len(config.selected) > 1:
        names = ", ".join(strategy.name for strategy in config.selected)
        raise InputError(f"--strategy {names}; allowed: one strategy, whose boosts are tuned")
    return config.selected[0]


@dataclass(frozen=True)
class _Run:
    plan: Plan
    engine: Engine
    tuning: Tuning


def _tuned(arguments: argparse.Namespace, config: Config, grid: Grid) -> _Run:
    """What can be wrong is looked at before texts are embedded and indexed."""
    from relevance.suite import make_plan, prepare  # noqa: PLC0415 - pandas, only here
    from relevance.tuning import check_texts, split_queries, tune  # noqa: PLC0415

    plan = make_plan(replace(config, floors=None), [grid.today])
    if config.elasticsearch.index is None:  # the texts of an index that exists are its own
        check_texts(grid, plan.dataset.catalogue)
    split = split_queries(plan.dataset, share=arguments.share, seed=arguments.seed)
    suite = prepare(plan, progress=True)
    try:
        return _Run(plan, suite.engine, tune(suite.engine, suite.batch, plan.dataset, grid, split))
    finally:
        suite.close()


COMMAND = Command(
    "Search for better boosts on half of the queries, and report what they are worth on the other half.",
    _add_arguments,
    _run,
)
