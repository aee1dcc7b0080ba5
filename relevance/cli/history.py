"""The command that shows what strategies reached by commit."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from relevance import history
from relevance.baseline import find_baseline
from relevance.cli import Answer
from relevance.cli.project import out_of, page_line, read_config
from relevance.errors import InputError, RelevanceError, unknown
from relevance.report.history import history_files, history_lines
from relevance.text import Line, plural

if TYPE_CHECKING:
    from relevance.baseline import Acceptance
    from relevance.config import Config
    from relevance.history import Version


def run(arguments: Namespace) -> Answer:
    """Read the versions of the baseline and the sessions of the file, print them by strategy, and write the page."""
    named = [name for names in arguments.relevance_strategy or () for name in names.split(",")]
    # a strategy that is gone has a history too, so names are looked up in that
    config = read_config(Namespace(**{**vars(arguments), "relevance_strategy": None}))
    versions, log, sources = _versions(config)
    measured = list(dict.fromkeys(name for version in reversed(versions) for name in version.values))
    for name in named:
        if name not in measured:
            raise InputError(unknown("strategy", name, measured))
    columns = get_terminal_size().columns if sys.stdout.isatty() else None
    lines = [Line(text, "warn" if text.startswith("note: ") else "") for text in sources]
    lines += history_lines(versions, named or measured, config.gate, columns=columns)
    if versions:
        files = history_files(versions, named or measured, config.gate, log=log, dataset=config.source.name, of=sources)
        out = out_of(config)
        lines += [Line(""), page_line(out or config.out.parent / "history", files, "history", named=out is not None)]
    return Answer(0, tuple(lines))


def _versions(config: Config) -> tuple[list[Version], list[Acceptance], list[str]]:
    """What both sources have, by time, what was accepted by hand, and what to say of them.

    A source that has nothing is no error beside the other.
    """
    leading, dataset = config.gate.leading, config.source.name
    folder = config.root / "benchmarks" / "baselines"
    paths = config.baseline or [find_baseline(folder, dataset) or folder / f"{dataset}.json"]
    sessions = [] if config.history is None else history.read_sessions(config.history, dataset=dataset, metric=leading)
    versions, lines = list(sessions), list[str]()
    for path in paths:
        name = os.path.relpath(path, Path.cwd())
        try:
            committed, notes = history.read_baselines(path, leading, cache=config.cache_dir / history.CACHE)
        except RelevanceError as error:
            if not sessions:
                raise
            committed, notes = [], [str(error)]
        lines += [f"{name}: {plural(len(committed), 'version')} in git", *(f"note: {note}" for note in notes)]
        versions += committed
    if config.history is not None:
        lines.append(f"{os.path.relpath(config.history, Path.cwd())}: {plural(len(sessions), 'session')}")
    ordered = history.in_order(versions)
    if same := len(versions) - len(ordered):
        what = plural(same, "version or session", "versions or sessions")
        lines.append(f"not shown: {what} with the numbers of the one before")
    log = {entry.key: entry for version in versions for entry in version.log}
    return ordered, sorted(log.values(), key=lambda entry: entry.when), lines
