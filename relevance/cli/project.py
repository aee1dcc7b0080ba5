"""The commands that measure nothing: a new project, what its data and settings are."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from relevance import check as checking
from relevance.cli import BAD_INPUT, COULD_NOT_RUN, Answer
from relevance.config import FILE_NAME, Config, find_upwards, parsed_options, reading, rows
from relevance.engines.mapping import own_paths, search_of
from relevance.errors import InputError, RelevanceError
from relevance.files import writing
from relevance.report.checked import check_files, check_lines
from relevance.report.folder import check_folder, write_folder
from relevance.scaffold import BASELINE, make_project
from relevance.suite import searched_fields
from relevance.text import Line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping

    from relevance.report.folder import Content

_WIDEST = 48


def read_config(
    arguments: argparse.Namespace,
    *,
    measures: bool = False,
    tuned: Collection[str] | None = None,
    wrong: list[InputError] | None = None,
) -> Config:
    """The configuration: `--config`, else the nearest file upwards of the current folder.

    Args:
        arguments: of the command line.
        measures: whether the selected strategies will run: one that cannot be made is an error then.
        tuned: see `relevance.config.reading.read_config`.
        wrong: likewise.

    Raises:
        InputError: bad input.
    """
    here, named = Path.cwd(), arguments.relevance_config
    return reading.read_config(
        options=parsed_options(arguments),
        environ=os.environ,
        file=find_upwards(here) if named is None else Path(named),
        root=here,
        cwd=here,
        measures=measures,
        tuned=tuned,
        wrong=wrong,
    )


def out_of(config: Config) -> Path | None:
    """The folder of the option `--out`; that of file and environment is for the results of benchmarks."""
    return config.out if config.origins["out"].startswith("option") else None


def write_out(folder: Path, files: Mapping[str, str | bytes], content: Content) -> None:
    """Replace a folder that `check_folder` has accepted; what cannot be written leaves what was there."""
    with writing(f"--out {folder}"):
        write_folder(folder, files, content=content)


def page_line(folder: Path, files: Mapping[str, str | bytes], content: Content, *, named: bool) -> Line:
    """Write a folder with a page beside what a command says, and name the page; or say why there is none.

    Raises:
        InputError: `named`, and the folder holds something else.
        CouldNotRunError: `named`, and it cannot be written.
    """
    try:
        check_folder(folder, content=content, named="" if named else str(folder))
        write_out(folder, files, content)
    except RelevanceError as error:
        if named:
            raise
        return Line(f"note: no page: {error}", "warn")
    return Line(f"page: {os.path.relpath(folder / 'report.html', Path.cwd())}")


def init(arguments: argparse.Namespace) -> Answer:
    """Write a project, and say what to type next."""
    files = make_project(arguments.dir)
    enter = "" if str(arguments.dir) == "." else f"cd {shlex.quote(str(arguments.dir))} && "
    compared = f"then: pytest --update-baseline, and commit {BASELINE}: what is worse than that fails"
    return Answer(0, (*(f"  {arguments.dir / name}" for name in files), f"next: {enter}pytest", compared))


def check(arguments: argparse.Namespace) -> Answer:
    """Say what was found, and what is wrong with it."""
    wrong: list[InputError] = []
    settings = read_config(arguments, wrong=wrong)
    findings = checking.check(settings, wrong)
    try:
        check_folder(settings.out)
    except InputError as error:
        findings = replace(findings, problems=(*findings.problems, str(error)), could_not_run=False)
    code = 0 if not findings.problems else COULD_NOT_RUN if findings.could_not_run else BAD_INPUT
    # whoever stands in the wrong folder would take the sample's findings for those of his data
    unread = [] if settings.file else [Line(f"no {FILE_NAME} here or above: the defaults hold", "warn")]
    columns = get_terminal_size().columns if sys.stdout.isatty() else None
    page = page_line(settings.out.parent / "check", check_files(findings), "check", named=False)
    return Answer(code, (*unread, *check_lines(findings, columns=columns), page), findings.problems)


def show_config(arguments: argparse.Namespace) -> Answer:
    """Every key with its value and where that comes from; or the search bodies of the strategies."""
    config = read_config(arguments)
    if arguments.bodies:
        return _show_bodies(config)
    table = rows(config)
    key_width = max(len(key) for key, _, _ in table)
    # a list of ten strategies would push every origin off the screen
    value_width = max((len(value) for _, value, _ in table if len(value) <= _WIDEST), default=0)
    lines = (f"{key.ljust(key_width)}  {value.ljust(value_width)}  {origin}" for key, value, origin in table)
    return Answer(0, (*lines, *(f"note: {error}" for error in config.broken.values())))


def _show_bodies(config: Config) -> Answer:
    """The search bodies of the strategies that are selected, by name: one for each list of hits."""
    paths, oversample = own_paths(searched_fields(config.selected), config.fields), config.elasticsearch.oversample
    bodies = {
        strategy.name: [
            dict(leg.outside.definition()) if leg.outside else search_of(leg, paths, oversample=oversample)
            for leg in strategy.legs()
        ]
        for strategy in config.selected
    }
    ours = "note: with the field names of an index of ours; those of one that exists are known when it is asked"
    notes = [f"note: {error}" for error in config.broken.values()]
    notes += [ours] if config.elasticsearch.index is not None else []
    return Answer(0, tuple(json.dumps(bodies, indent=2, ensure_ascii=False).split("\n")), tuple(notes))
