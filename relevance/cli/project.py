"""The commands that measure nothing: a new project, what its data and settings are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.cli.command import Answer, Command, add_options, read_config
from relevance.config import FILE_NAME
from relevance.errors import InputError
from relevance.scaffold import BASELINE, make_project

if TYPE_CHECKING:
    import argparse

_BAD_INPUT, _COULD_NOT_RUN = 2, 3
_WIDEST = 48


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", type=Path, metavar="DIR", help="a new folder, or an empty one")


def _init(arguments: argparse.Namespace) -> Answer:
    files = make_project(arguments.dir)
    enter = "" if str(arguments.dir) == "." else f"cd {arguments.dir} && "
    compared = f"then: pytest --update-baseline, and commit {BASELINE}: what is worse than that fails"
    return Answer(0, (*(f"  {arguments.dir / name}" for name in files), f"next: {enter}pytest", compared))


def _check(arguments: argparse.Namespace) -> Answer:
    config = read_config(arguments)
    from relevance.check import check  # noqa: PLC0415 - pandas
    from relevance.report.check import findings_lines  # noqa: PLC0415
    from relevance.report.folder import check_folder  # noqa: PLC0415

    findings = check(config)
    try:
        check_folder(config.out)
    except InputError as error:
        findings = replace(findings, problems=(*findings.problems, str(error)), could_not_run=False)
    code = 0 if not findings.problems else _COULD_NOT_RUN if findings.could_not_run else _BAD_INPUT
    # whoever stands in the wrong folder would take the sample's findings for those of his data
    unread = () if config.file else (f"no {FILE_NAME} here or above: the defaults hold",)
    return Answer(code, (*unread, *findings_lines(findings)), findings.problems)


def _config(arguments: argparse.Namespace) -> Answer:
    from relevance.config import rows  # noqa: PLC0415 - numpy

    table = rows(read_config(arguments))
    key_width = max(len(key) for key, _, _ in table)
    # a list of ten strategies would push every origin off the screen
    value_width = max((len(value) for _, value, _ in table if len(value) <= _WIDEST), default=0)
    return Answer(
        0, tuple(f"{key.ljust(key_width)}  {value.ljust(value_width)}  {origin}" for key, value, origin in table)
    )


INIT = Command(
    "Write a working project: a small catalogue, a configuration, benchmarks, floors, a CI workflow.",
    _add_folder,
    _init,
)
CHECK = Command(
    "Read everything that the configuration names and say what was found and what is wrong; no model is loaded.",
    add_options,
    _check,
)
CONFIG = Command(
    "Print what is in force and where each value comes from: an option, the environment, a file, a default.",
    add_options,
    _config,
)
