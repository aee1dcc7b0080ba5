"""Fine-tune the embedding model on the data set's pairs, and report what that changed on the benchmark."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from relevance.cli.command import OF_SESSIONS, Answer, Command, add_options, out_of, read_config, write_out

if TYPE_CHECKING:
    from relevance.suite.finetuning import Training

_INTERRUPTED = 130
_MOST_SEEDS = 100


def _seeds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from 1 to {_MOST_SEEDS}")
    return int(text)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "train so many times, with seeds that follow each other; the model of the first is what benchmarks take"
    parser.add_argument("--seeds", type=_seeds, default=1, metavar="N", help=text)
    add_options(parser, "finetune", without=OF_SESSIONS)


def _run(arguments: argparse.Namespace) -> Answer:
    """Train, compare, write the report, and say what was gained."""
    config = read_config(arguments)
    from relevance.report.finetuned import outcome_lines, report_files, training_lines  # noqa: PLC0415 - numpy
    from relevance.report.folder import check_folder  # noqa: PLC0415 - the same
    from relevance.suite.finetuning import compare_models, plan_trainings  # noqa: PLC0415 - the same

    out = out_of(config) or config.out.with_name("finetune")
    check_folder(out, content="report")
    trainings = plan_trainings(config, arguments.seeds)
    sys.stderr.writelines(f"{line}\n" for line in training_lines(trainings))
    try:
        comparison = compare_models(trainings, progress=True)
    except KeyboardInterrupt:
        return Answer(_INTERRUPTED, errors=(_interrupted(trainings),))
    write_out(out, report_files(comparison), "report")
    return Answer(0, (*outcome_lines(comparison), f"report: {out / 'index.md'}"))


def _interrupted(trainings: tuple[Training, ...]) -> str:
    from relevance.finetune.store import last_step  # noqa: PLC0415 - only where it was interrupted

    steps = [last_step(each.plan.cache_dir, each.recipe.sha256) for each in trainings]
    kept = next((step for step in steps if step is not None), None)
    if kept is None:
        return "interrupted"
    return f"interrupted; the checkpoint of step {kept} is kept, the same command goes on from there"


COMMAND = Command(
    "Fine-tune the embedding model on the data set's pairs, and report what that changed on the benchmark.",
    _add_arguments,
    _run,
)
