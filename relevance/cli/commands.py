"""The commands that train, tune and compare: little more than a call each."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from relevance import tuning
from relevance.baseline import SNAPSHOT, by_todays_data, read_baseline
from relevance.cli import FAILED, Answer, write_lines
from relevance.cli.project import out_of, read_config, write_out
from relevance.config import keys
from relevance.datasets.asked import ASKED, Orders
from relevance.datasets.overlay import beside
from relevance.diagnosis import diagnose
from relevance.errors import InputError, unknown
from relevance.finetune.reranker import USED
from relevance.finetune.store import find_stored, last_step
from relevance.gate import recorded_floors
from relevance.packages import require
from relevance.report.comment import COMMENT
from relevance.report.finetuned import (
    forecast_lines,
    outcome_lines,
    recipe_lines,
    recipes_lines,
    report_files,
    reranker_files,
    reranker_lines,
    training_lines,
)
from relevance.report.folder import check_folder
from relevance.report.results import PAGE, TITLES, compared_files, read_titles
from relevance.report.terminal import comparison_failure, comparison_lines, plan_lines
from relevance.report.tuning import COMBINATIONS, tuning_files, tuning_lines
from relevance.suite import Baseline, asking, compare_with, few_queries, make_plan, with_limits
from relevance.suite.finetuning import compare_models, compare_reranker, forecast_of, plan_reranker, plan_trainings
from relevance.suite.recipes import parse_recipes, plan_recipes, try_recipes
from relevance.text import Line, plural, progress_bar

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.finetune.recipe import Recipe
    from relevance.strategies import Strategy


def finetune(arguments: argparse.Namespace) -> Answer:
    """Train, compare, write the report, and say what was gained."""
    config = read_config(arguments)
    if arguments.reranker:
        return _reranker(arguments, config)
    out = out_of(config) or config.out.with_name("finetune")
    recipes = parse_recipes(arguments.compare, config.finetune) if arguments.compare else None
    check_folder(out, content="report")
    choice = None
    if recipes is not None:
        planned = plan_recipes(config, recipes, arguments.seeds)
        _say(*recipes_lines(planned))
        _say(*forecast_lines(forecast_of(planned.all[0], config.cache_dir, progress=True)))
        with _kept(config, planned.missing):
            choice = try_recipes(planned, say=_say, progress=True)
        config = planned.configured(choice.winner.name)
    trainings = plan_trainings(config, arguments.seeds)
    if choice is None:
        _say(*training_lines(trainings))
    forecast = forecast_of(trainings[0].recipe, config.cache_dir, progress=True)
    if choice is None:
        _say(*forecast_lines(forecast))
    with _kept(config, [training.recipe for training in trainings if not training.finetuned.trained]):
        done = replace(compare_models(trainings, progress=True), choice=choice, forecast=forecast)
    write_out(out, report_files(done), "report")
    columns = get_terminal_size().columns if sys.stdout.isatty() else None
    lines = [] if choice is None else [*recipe_lines(choice, columns), Line("")]
    return Answer(0, (*lines, *outcome_lines(done), f"report: {out / PAGE}"))


def _say(*lines: str) -> None:
    write_lines(sys.stderr, [Line(line, "warn" if line.startswith("note: ") else "") for line in lines])


@contextmanager
def _kept(config: Config, missing: Sequence[Recipe]) -> Iterator[None]:
    """Say, where someone interrupts trainings, what is kept of them."""
    try:
        yield
    except KeyboardInterrupt:
        trained = sum(find_stored(config.cache_dir, recipe.sha256) is not None for recipe in missing)
        steps = (last_step(config.cache_dir, recipe.sha256) for recipe in missing)
        step = next((step for step in steps if step is not None), None)
        kept = [f"{trained} of {plural(len(missing), 'model')}"] if trained else []
        kept += [] if step is None else [f"the checkpoint of step {step}"]
        if not kept:
            raise
        verb = "is" if step is not None and not trained else "are"
        line = f"interrupted; {' and '.join(kept)} {verb} kept, the same command goes on from there"
        raise KeyboardInterrupt(line) from None


def _reranker(arguments: argparse.Namespace, config: Config) -> Answer:
    """Train the cross-encoder where it is not there, compare, write the report, and say what it changes."""
    beside = {"--seeds": arguments.seeds > 1, "--compare": arguments.compare}
    typed = (key for key in keys("finetune") if key.option and config.origins[key.path].startswith("option"))
    beside |= {key.option: key.name not in (*USED, "mix") for key in typed}
    for option, is_set in beside.items():
        if is_set:
            raise InputError(f"{option} changes nothing beside --reranker; leave it out")
    out = out_of(config) or config.out.with_name("reranker")
    check_folder(out, content="report")
    plan = plan_reranker(config)
    _say(*plan_lines(plan))
    assert plan.reranker is not None  # noqa: S101 - a strategy uses it
    recipe = plan.reranker.recipe
    with _kept(config, [] if plan.reranker.stored else [recipe]):
        done = compare_reranker(plan, progress=True)
    write_out(out, reranker_files(done, recipe), "report")
    return Answer(0, (*reranker_lines(done), f"report: {out / PAGE}"))


def tune(arguments: argparse.Namespace) -> Answer:
    """Search for better values on some queries, write the folder, and say what they are worth on the others."""
    config, today = _tuned_strategy(arguments)
    kind = tuning.KINDS.get(arguments.what)
    out = out_of(config) or config.out.parent / f"tune-{arguments.what if kind else today.name}"
    check_folder(out, content="tuning")
    axes = [tuning.parse_axis(text) for text in arguments.grid]
    if kind:
        space = tuning.make_grid(arguments.what, today, axes=axes, without=arguments.without)
    else:
        table = {**config.tuning.get(today.name, {}), **dict(axes)}
        space = tuning.make_space(today, table, without=arguments.without)
    if space.trials(arguments.trials):
        require("to try some of so many combinations", ("optuna",), otherwise="give fewer values by --grid")
    plan = make_plan(replace(config, floors=None), space.probes())
    plan = replace(plan, strategies=(today,))
    # what can be wrong is looked at before texts are embedded and indexed; those of an index that exists are its own
    if config.elasticsearch.index is None:
        tuning.check_texts(space, plan.dataset.catalogue)
    split = tuning.split_queries(plan.dataset, share=arguments.share, seed=arguments.seed)
    with asking(plan, progress=True) as ask:
        engine = f"{plan.engine.name} {ask([today])[0].version}"
        total = space.trials(arguments.trials) or len({space.alike(one) for one in space.combinations}) + 1  # today's
        with progress_bar(total, "trying", "combination", shown=sys.stderr.isatty()) as bar:
            tuned = tuning.tune(ask, plan.dataset, space, split, trials=arguments.trials, done=bar.update)
            bar.update(total - bar.n)  # what TPE suggests twice is tried once
        notes = [f"note: {note}" for note in ask([today])[0].notes()]
    write_out(out, tuning_files(tuned, plan.dataset, engine=engine, taken=config.strategies), "tuning")
    written = f"written to {out}: {PAGE}, index.md, {COMBINATIONS}, …"
    return Answer(0, (*plan_lines(plan), "", *tuning_lines(tuned), *notes, written))


def _tuned_strategy(arguments: argparse.Namespace) -> tuple[Config, Strategy]:
    """The configuration, and the strategy that is named; the configuration's list is for benchmarks."""
    what, kind = arguments.what, tuning.KINDS.get(arguments.what)
    names = [] if what is None or kind else [what]
    asked = arguments.relevance_strategy or []
    config = read_config(arguments, measures=bool(asked), tuned=[] if kind else [*names, *asked])
    if config.origins["strategy"].startswith("option"):
        names += [strategy.name for strategy in config.selected if strategy.name not in names]
    if len(names) > 1:
        raise InputError(f"--strategy {', '.join(names)}; allowed: one strategy, which is tuned")
    if not names and kind is None:
        own = f" ({', '.join(config.tuning)} of [tuning])" if config.tuning else ""
        raise InputError(f"what is tuned? allowed: {', '.join(tuning.KINDS)}, or the name of a strategy{own}")
    name = names[0] if names else kind.strategy if kind else ""
    if name in config.broken:
        raise config.broken[name]
    if name not in config.strategies and not names:
        raise InputError(f"these products have no fields of {name}; allowed: --strategy NAME, whose boosts are tuned")
    if name not in config.strategies:
        raise InputError(unknown("kind or strategy", name, [*tuning.KINDS, *config.strategies]))
    return config, config.strategies[name]


def compare(arguments: argparse.Namespace) -> Answer:
    """Compare, write the diagnosis where a folder is named, and print what pytest would."""
    out = arguments.out
    if out is not None:
        check_folder(Path(out), content="diagnosis", named=f"--out {out}")
    config = read_config(arguments)
    if arguments.strategies:
        baseline, after = _two_strategies(arguments, config)
    else:
        baseline, after = _two_sessions(arguments, config)
    held = config.gate_from_baseline
    floors = recorded_floors(after, where=arguments.after or arguments.before)
    baseline = with_limits(baseline, config.gate, floors, from_baseline=held)
    sides = by_todays_data(baseline.snapshot, after)
    orders = Orders(beside(config.source, ASKED)) if config.source.name == after.dataset.name else None
    allowed = config.allow_missing or not held
    comparison = compare_with(baseline, after, config.gate, sides=sides, orders=orders, allow_missing=allowed)
    sides_at = [side_of(name, config) for name in (arguments.before, arguments.after) if name]
    titles = {product: title for path in sides_at for product, title in read_titles(path / TITLES).items()}
    limits = baseline.limits or config.gate
    overlaps = config.metrics.overlaps
    diagnosis = diagnose(sides.before, sides.now, comparison, limits, titles=titles, overlaps=overlaps)
    if out is not None:
        files = compared_files(comparison, diagnosis, sides, leading=limits.leading, titles=titles)
        write_out(Path(out), files, "diagnosis")
    lines: list[Line] = []
    for why in diagnosis.strategies:
        if comparison.fails(why.strategy):
            head, *rest = comparison_failure(why.strategy, [comparison], [diagnosis]).splitlines()
            lines += [Line(head, "bad"), *map(Line, rest), Line("")]
    columns = get_terminal_size().columns if sys.stdout.isatty() else None
    lines += comparison_lines(comparison, diagnosis, columns=columns)
    if few := few_queries(len(sides.now.queries), config.gate):
        lines.append(Line(f"note: {few}", "warn"))
    if out is not None:
        lines.append(Line(f"written to {out}: {PAGE}, {COMMENT}, diagnosis.md, diagnosis.json, to_judge.csv"))
    return Answer(FAILED if comparison.fails() else 0, tuple(lines))


def _two_sessions(arguments: argparse.Namespace, config: Config) -> tuple[Baseline, Snapshot]:
    if arguments.after is None:
        raise InputError("AFTER is missing; allowed: BEFORE AFTER, or one folder with --strategy A --strategy B")
    before, after = (read_side(name, config) for name in (arguments.before, arguments.after))
    if not set(before.strategies) & set(after.strategies):
        both = f"{arguments.before} and {arguments.after}"
        raise InputError(f"{both}: no strategy is in both; one at least is needed to compare")
    return Baseline(arguments.before, before), after


def _two_strategies(arguments: argparse.Namespace, config: Config) -> tuple[Baseline, Snapshot]:
    """Two strategies of one session: the first as the baseline of the second."""
    names = arguments.strategies
    if arguments.after is not None or len({*names}) != 2 or len(names) != 2:  # noqa: PLR2004 - a pair
        found = f"--strategy {', '.join(names)}"
        raise InputError(f"{found}; allowed: two strategies of one folder, which is named once")
    session = read_side(arguments.before, config)
    for name in names:
        if name not in session.strategies:
            raise InputError(f"{arguments.before}: {unknown('strategy', name, session.strategies)}")
    before, after = (replace(session, strategies={names[1]: session.strategies[name]}) for name in names)
    return Baseline(f"{names[0]} ({arguments.before})", before), after


def side_of(name: str, config: Config) -> Path:
    """A baseline file, a folder of results, or a project, whose folder of results it is then."""
    path = Path(name)
    is_project = path.is_dir() and not (path / SNAPSHOT).is_file() and path.resolve() == config.root.resolve()
    return config.out if is_project else path


def read_side(name: str, config: Config) -> Snapshot:
    """Read what was measured there, see `side_of`.

    Raises:
        InputError: it is no such thing, or cannot be read.
    """
    path = side_of(name, config)
    file = path / SNAPSHOT if (path / SNAPSHOT).is_file() else path
    return read_baseline(file, named=str(file), expected="a folder of results (--out) or a baseline file")
