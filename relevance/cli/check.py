"""Read everything that the configuration names and say what was found and what is wrong; no model is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.cli.answer import Answer, Surroundings
from relevance.cli.options import add_options, configured
from relevance.errors import InputError

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]

_BAD_INPUT, _COULD_NOT_RUN = 2, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the configuration."""
    add_options(parser)


def run(arguments: argparse.Namespace, surroundings: Surroundings) -> Answer:
    """Check; the exit code says whether the suite would start."""
    config = configured(arguments, surroundings)
    from relevance.check import check  # noqa: PLC0415 - pandas, only here
    from relevance.report.check import findings_lines  # noqa: PLC0415
    from relevance.report.folder import check_folder  # noqa: PLC0415

    findings = check(config)
    try:
        check_folder(config.out)
    except InputError as error:
        findings = replace(findings, problems=(*findings.problems, str(error)), could_not_run=False)
    code = 0 if not findings.problems else _COULD_NOT_RUN if findings.could_not_run else _BAD_INPUT
    return Answer(code, tuple(findings_lines(findings)), findings.problems)
