"""Plant regressions in the suite, one at a time, and report which of them the gate would catch."""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.cli.command import OF_SESSIONS, Answer, Command, add_options, out_of, read_config, write_out
from relevance.errors import InputError, unknown
from relevance.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.mutation import Mutation, Outcomes

_SEED, _MISSED = 12, 1
_MOST = 100_000


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from 1 to {_MOST:,}")
    return int(text)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="plant this one; repeatable")
    parser.add_argument("--list", action="store_true", help="name all kinds, and plant none")
    parser.add_argument("--neutral", action="store_true", help="plant what must not fail instead")
    runs = "plant each kind so many times, with seeds that follow each other (default: 1)"
    parser.add_argument("--runs", type=_count, default=1, metavar="N", help=runs)
    nulls = "with --neutral: compare so many times two sides whose queries were swapped at random"
    parser.add_argument("--nulls", type=_count, default=None, metavar="N", help=nulls)
    training = "plant also what needs a training of the model, minutes each"
    parser.add_argument("--with-training", action="store_true", help=training)
    parser.add_argument("--other-model", metavar="NAME_OR_PATH", help="plant also this model as the base model")
    parser.add_argument("--seed", type=_count, default=_SEED, metavar="N", help=f"of what is drawn (default: {_SEED})")
    add_options(parser, without=OF_SESSIONS)


def _run(arguments: argparse.Namespace) -> Answer:
    """Plant, measure, write the folder where one is named, and say what the gate would say."""
    from relevance.mutation import SWAPPED_KINDS, mutate  # noqa: PLC0415 - numpy
    from relevance.report.folder import check_folder  # noqa: PLC0415 - numpy
    from relevance.report.mutations import kinds_lines, mutation_files, mutation_lines  # noqa: PLC0415 - numpy
    from relevance.report.terminal import plan_lines  # noqa: PLC0415 - pandas
    from relevance.suite import make_plan  # noqa: PLC0415 - pandas

    kinds = _kinds(arguments)
    if arguments.list:
        return Answer(0, tuple(kinds_lines(kinds.values())))
    if arguments.nulls is not None and not arguments.neutral:
        raise InputError("--nulls changes nothing without --neutral; leave it out")
    config = read_config(arguments)
    out = out_of(config)
    if out is not None:
        check_folder(out, content="mutations")
    plan = make_plan(config, config.selected)
    lines = plan_lines(plan)
    planted = [(kind, arguments.seed + at) for kind in kinds.values() for at in range(arguments.runs)]
    effective = [(kind, arguments.seed) for kind in SWAPPED_KINDS] if arguments.nulls is not None else []
    with progress_bar(len(planted) + len(effective), "planting", "change", shown=sys.stderr.isatty()) as bar:
        measured = mutate(plan, [*planted, *effective], config.gate, done=lambda: bar.update(1))
    outcomes = replace(measured, outcomes=measured.outcomes[: len(planted)])
    lines += ["", *mutation_lines(outcomes, columns=shutil.get_terminal_size((150, 24)).columns)]
    if arguments.nulls is not None:
        others = [one.after for one in measured.outcomes[len(planted) :] if one.after is not None]
        lines += ["", _nulls_line(measured.before, others, config, arguments)]
    if out is not None:
        write_out(out, mutation_files(outcomes, of=lines[: lines.index("")]), "mutations")
        lines.append(f"written to {out}: mutations.md, mutations.json, mutations.csv")
    wrong = _wrong_verdicts(outcomes, config.gate.fail_large, neutral=arguments.neutral)
    return Answer(_MISSED if wrong else 0, tuple(lines), errors=tuple(wrong))


def _kinds(arguments: argparse.Namespace) -> Mapping[str, Mutation]:
    from relevance.mutation import KINDS, NEUTRAL_KINDS, other_model  # noqa: PLC0415 - numpy

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


def _nulls_line(before: Snapshot, changed: Sequence[Snapshot], config: Config, arguments: argparse.Namespace) -> str:
    from relevance.mutation import nulls  # noqa: PLC0415 - numpy

    if not changed:
        return "true nulls: nothing to swap, no strategy can be changed"
    verdicts = nulls(before, changed, config.gate, number=arguments.nulls, seed=arguments.seed)
    counts = ", ".join(f"{count} {name}" for name, count in verdicts.items())
    sides = f"{len(changed)} changes of strategies, both sides of each query swapped at random"
    return f"true nulls, {arguments.nulls} sessions of {sides}: {counts}"


def _wrong_verdicts(outcomes: Outcomes, large_drop: float, *, neutral: bool) -> list[str]:
    """What the gate should have caught and did not, or what it should not have."""
    lines = []
    for one in outcomes.outcomes:
        worst = one.worst(outcomes.measure)
        name = one.kind.name
        if neutral and one.kind.group == "noise" and one.kind.cost != "training" and one.verdict == "fail":
            lines.append(f"{name}, seed {one.seed}: fails, although nothing became worse")
        large = worst is not None and (worst.relative or 0) >= large_drop
        if not neutral and large and one.verdict in {"warn", "pass"} and worst is not None:
            drop = f"{100 * (worst.relative or 0):.1f}%"
            lines.append(f"{name}: {worst.strategy} drops by {drop}, and the gate says {one.verdict}")
    return lines


COMMAND = Command(
    "Plant regressions in the suite, one at a time, and report which of them the gate would catch.",
    _add_arguments,
    _run,
)
