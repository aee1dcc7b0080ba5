"""Fine-tune the embedding model on the data set's pairs, and report what that changed on the benchmark."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from relevance.cli.command import Answer, out_of, read_config, write_out
from relevance.finetune.store import last_step
from relevance.report.finetuned import outcome_lines, report_files, training_lines
from relevance.report.folder import check_folder
from relevance.suite.finetuning import compare_models, plan_trainings

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> Answer:
    """Train, compare, write the report, and say what was gained."""
    config = read_config(arguments)
    out = out_of(config) or config.out.with_name("finetune")
    check_folder(out, content="report")
    trainings = plan_trainings(config, arguments.seeds)
    sys.stderr.writelines(f"{line}\n" for line in training_lines(trainings))
    try:
        comparison = compare_models(trainings, progress=True)
    except KeyboardInterrupt:
        steps = (last_step(each.plan.config.cache_dir, each.recipe.sha256) for each in trainings)
        kept = next((step for step in steps if step is not None), None)
        if kept is None:
            raise
        line = f"interrupted; the checkpoint of step {kept} is kept, the same command goes on from there"
        raise KeyboardInterrupt(line) from None
    write_out(out, report_files(comparison), "report")
    return Answer(0, (*outcome_lines(comparison), f"report: {out / 'index.md'}"))
