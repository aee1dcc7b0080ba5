"""Plant regressions in the suite, one at a time, and report which of them the gate would catch."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from relevance.baseline import KEPT
from relevance.cli import FAILED, Answer
from relevance.cli.project import out_of, read_config, write_out
from relevance.errors import InputError, unknown
from relevance.gate import ANSWERS
from relevance.mutation import KINDS, NEUTRAL_KINDS, POOLS, SWAPPED_KINDS, mutate, nulls, other_model, withhold
from relevance.report.folder import check_folder
from relevance.report.mutations import kinds_lines, mutation_files, mutation_lines
from relevance.report.terminal import plan_lines
from relevance.report.withheld import withheld_files, withheld_lines, wrong_lines
from relevance.suite import few_queries, make_plan
from relevance.text import Line, progress_bar

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.mutation import Mutation, Outcome, Outcomes


def run(arguments: argparse.Namespace) -> Answer:
    """Plant, measure, write the folder where one is named, and say what the gate would say."""
    kinds = _kinds(arguments)
    if arguments.list:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        return Answer(0, tuple(kinds_lines(kinds.values(), columns=columns)))
    config = read_config(arguments, measures=True)
    _refuse_combinations(arguments, config)
    out = out_of(config)
    if out is not None:
        check_folder(out, content="mutations")
    plan = make_plan(config, config.selected)
    head = plan_lines(plan)
    planted = [(kind, arguments.seed + at) for kind in kinds.values() for at in range(arguments.runs)]
    swapped = [(kind, arguments.seed) for kind in SWAPPED_KINDS] if arguments.nulls is not None else []
    with _bar("planting", len(planted) + len(swapped)) as bar:
        measured = mutate(plan, [*planted, *swapped], config.gate, done=lambda *_: bar.update(1))
    outcomes = replace(measured, outcomes=measured.outcomes[: len(planted)])
    notes = _notes(measured.before, measured.outcomes[len(planted) :], config, arguments)
    if arguments.holes is None:
        columns = shutil.get_terminal_size((150, 24)).columns
        lines = mutation_lines(outcomes, columns=columns, neutral=arguments.neutral)
        wrong = _wrong_verdicts(outcomes, _LARGE_DROP, neutral=arguments.neutral)
        files = mutation_files(outcomes, of=head, wrong=wrong, notes=notes, neutral=arguments.neutral)
    else:
        with _bar("withholding judgments", len(planted)) as bar:
            pool, seed = arguments.holes, arguments.seed
            tried = [*withhold(outcomes, config.gate, pool, seed=seed, done=lambda: bar.update(1))]
        lines, wrong = withheld_lines(tried, pool), [*wrong_lines(tried)]
        files = withheld_files(tried, pool, of=head, notes=notes)
    lines += [Line(""), *(Line(note, "warn") for note in notes)] if notes else []
    if out is not None:
        write_out(out, files, "mutations")
        lines.append(Line(f"written to {out}: {', '.join(sorted(files, reverse=True))}"))
    return Answer(FAILED if wrong else 0, (*map(Line, head), Line(""), *lines), errors=tuple(wrong))


def _refuse_combinations(arguments: argparse.Namespace, config: Config) -> None:
    if arguments.nulls is not None and not arguments.neutral:
        raise InputError("--nulls changes nothing without --neutral; leave it out")
    if arguments.holes is None:
        return
    if arguments.holes not in POOLS:
        raise InputError(unknown("pool", arguments.holes, POOLS))
    if arguments.neutral:
        raise InputError("--holes asks for changes with an effect; allowed: without --neutral")
    if config.gate.leading.cutoff > KEPT:
        deep = f"[gate] leading = '{config.gate.leading}' looks deeper than the {KEPT} hits that are kept"
        raise InputError(f"--holes: {deep}; allowed: a metric of {KEPT} or less")


def _bar(what: str, number: int) -> Any:
    return progress_bar(number, what, "change", shown=sys.stderr.isatty())


def _kinds(arguments: argparse.Namespace) -> Mapping[str, Mutation]:
    kinds = dict(NEUTRAL_KINDS if arguments.neutral else KINDS)
    if arguments.other_model is not None:
        if arguments.neutral:
            raise InputError("--other-model is a regression; allowed: without --neutral")
        kinds["other_model"] = other_model(arguments.other_model)
    for name in arguments.only:
        if name not in kinds:
            raise InputError(unknown("kind", name, kinds))
        if kinds[name].cost == "training" and not arguments.with_training:
            raise InputError(f"--only {name}: trains a model, minutes each; allowed: with --with-training")
    return {
        name: kind
        for name, kind in kinds.items()
        if (not arguments.only or name in arguments.only)
        and (arguments.with_training or arguments.list or kind.cost != "training")
    }


def _notes(before: Snapshot, swapped: Sequence[Outcome], config: Config, arguments: argparse.Namespace) -> list[str]:
    """What true nulls were called, where they were asked for; and where queries are few."""
    notes = []
    if arguments.nulls is not None:
        notes.append(_nulls_line(before, [one.after for one in swapped if one.after is not None], config, arguments))
    few = few_queries(len(before.queries), config.gate)
    return [*notes, f"note: {few}"] if few else notes


def _nulls_line(before: Snapshot, changed: Sequence[Snapshot], config: Config, arguments: argparse.Namespace) -> str:
    if not changed:
        return "true nulls: nothing to swap, no strategy can be changed"
    verdicts = nulls(before, changed, config.gate, number=arguments.nulls, seed=arguments.seed)
    counts = ", ".join(f"{count} {name}" for name, count in verdicts.items())
    sides = f"{len(changed)} changes of strategies, both sides of each query swapped at random"
    return f"true nulls, {arguments.nulls} sessions of {sides}: {counts}"


# a planted drop of the leading metric that the gate should not let pass
_LARGE_DROP = 0.05


_FALSE_ALARMS = {"loss": "fails", "undecided, fails": "fails undecided"}


def _wrong_verdicts(outcomes: Outcomes, large_drop: float, *, neutral: bool) -> list[str]:
    """What the gate should have caught and did not, or what it should not have."""
    lines = []
    for one in outcomes.outcomes:
        kind, worst = one.kind, one.worst(outcomes.measure)
        drop = (worst.relative or 0) if worst is not None else 0
        if (
            neutral
            and kind.group == "noise"
            and kind.cost != "training"
            and one.verdict in ("loss", "undecided, fails")
        ):
            lines.append(f"{kind.name}, seed {one.seed}: {_FALSE_ALARMS[one.verdict]}, although nothing became worse")
        passes = one.verdict in ANSWERS and not one.comparison.fails()
        if not neutral and worst is not None and drop >= large_drop and passes:
            lines.append(f"{kind.name}: {worst.strategy} drops by {100 * drop:.1f}%, and the gate says {one.verdict}")
    return lines
