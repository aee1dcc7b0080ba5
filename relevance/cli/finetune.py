"""Fine-tune the embedding model on the data set's pairs, and report what that changed on the benchmark."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from relevance.cli.answer import Answer, Surroundings
from relevance.cli.options import OF_SESSIONS, add_options, configured

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.config import Config
    from relevance.suite.finetuning import Training

__all__ = ["add_arguments", "run"]

_INTERRUPTED = 130
_MOST_SEEDS = 100


def _seeds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from 1 to {_MOST_SEEDS}")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and the options of the configuration, those of `[finetune]` too."""
    text = "train so many times, with seeds that follow each other; the model of the first is what benchmarks take"
    parser.add_argument("--seeds", type=_seeds, default=1, metavar="N", help=text)
    add_options(parser, "finetune", without=OF_SESSIONS)


def run(arguments: argparse.Namespace, surroundings: Surroundings) -> Answer:
    """Train, compare, write the report, and say what was gained."""
    config = configured(arguments, surroundings)
    from relevance.report.finetuned import facts, outcome_lines, report_files, training_lines  # noqa: PLC0415 - numpy
    from relevance.report.folder import check_folder, write_folder  # noqa: PLC0415 - the same
    from relevance.suite.finetuning import compare_models, plan_trainings  # noqa: PLC0415 - the same

    out = _folder(config)
    check_folder(out, content="report")
    trainings = plan_trainings(config, arguments.seeds)
    sys.stderr.writelines(f"{line}\n" for line in training_lines(trainings))
    try:
        found = compare_models(trainings, progress=sys.stderr.isatty())
    except KeyboardInterrupt:
        return Answer(_INTERRUPTED, errors=(_interrupted(trainings),))
    write_folder(out, report_files(facts(found), found.changes), content="report")
    return Answer(0, (*outcome_lines(found), f"report: {out / 'index.md'}"))


def _folder(config: Config) -> Path:
    """Where the report goes: `--out`, else a folder beside that of the benchmarks' results."""
    given = config.origins["out"] == "option --out"
    return config.out if given else config.out.with_name("finetune")


def _interrupted(trainings: tuple[Training, ...]) -> str:
    from relevance.finetune.store import last_step  # noqa: PLC0415 - only where it was interrupted

    steps = [last_step(each.plan.cache_dir, each.recipe.sha256) for each in trainings]
    kept = next((step for step in steps if step is not None), None)
    if kept is None:
        return "interrupted"
    return f"interrupted; the checkpoint of step {kept} is kept, the same command goes on from there"
