"""The command that makes a measured session the baseline, and keeps who did so, when and why."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.baseline import MOST_NAME, MOST_REASON, find_baseline, update_lines, write_baseline
from relevance.cli import Answer
from relevance.cli.commands import read_side, side_of
from relevance.cli.project import read_config
from relevance.datasets.asked import ASKED, Orders
from relevance.datasets.overlay import beside
from relevance.errors import CouldNotRunError, InputError, unknown
from relevance.files import locked, quoted, writing
from relevance.history import git
from relevance.report.results import is_complete
from relevance.report.terminal import acceptance_words
from relevance.suite import Signature, accept, missed_floors, read_compared
from relevance.text import one_line, some

if TYPE_CHECKING:
    import argparse

    from relevance.config import Config

_FORMS = (".json", ".json.gz")
_SHOWN = 5


def run(arguments: argparse.Namespace) -> Answer:
    """Compare as the gate does, and write the file with the session's strategies and an entry in its log."""
    config = read_config(arguments)
    reason = _line(arguments.reason, "--reason", MOST_REASON)
    signature = Signature(_name(arguments.by, config.root), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", reason)
    results = os.path.relpath(config.out) if arguments.results is None else arguments.results
    session = read_side(results, config)
    for name in arguments.strategies:
        if name not in session.strategies:
            raise InputError(f"{results}: {unknown('strategy', name, session.strategies)}")
    # of two at once the second reads what the first has written
    with locked(_target(config, session.dataset.name)[0].parent, wait=True):
        path, there = _target(config, session.dataset.name)
        named = os.path.relpath(path)
        before = read_compared(path, session, cwd=Path.cwd()) if there else None
        if before and before.snapshot.dataset.name != session.dataset.name:
            of = f"{quoted(session.dataset.name)}, the baseline {quoted(before.snapshot.dataset.name)}"
            raise InputError(f"{named}: the results are of the data set {of}; allowed: one data set (--baseline FILE)")
        content, entry = accept(
            before,
            session,
            signature,
            config.gate,
            names=tuple(dict.fromkeys(arguments.strategies)),
            complete=is_complete(side_of(results, config)),
            where=results,
            orders=Orders(beside(config.source, ASKED)) if config.source.name == session.dataset.name else None,
        )
        if entry is None:
            same = some(arguments.strategies or [*session.strategies], _SHOWN)
            return Answer(0, (f"nothing to accept: {named} has these as they were measured: {same}",))
        with writing(named):
            written = write_baseline(content, path.parent, name=_stem(path))
    lines = [f"{os.path.relpath(written)}: accepted {acceptance_words(entry)}"]
    lines += [f"  {line}" for line in update_lines(before.snapshot if before else None, content)]
    if kept := [name for name in content.strategies if name not in session.strategies]:
        lines.append(f"  as it was: {some(kept, _SHOWN)}, not in {results}")
    accepted = {name for name, one in entry.strategies.items() if one.scores_sha256}
    for line in missed_floors(session, where=results):
        if line.partition(":")[0] in accepted:
            lines.append(f"note: {line}: that fails beside any baseline")
    return Answer(0, (*lines, "commit the file: what follows is compared with it, and shown this"))


def _line(text: str, option: str, most: int) -> str:
    """A text of the command line as a line that a log can show.

    Raises:
        InputError: there is none, or too much of it.
    """
    words = " ".join(text.split())
    seen = any(map(str.isprintable, words.replace(" ", "")))
    if not seen or len(words) > most:
        what = f"{len(words):,} characters" if seen or not words else "nothing that can be seen"
        raise InputError(f"{option}: {what}; allowed: 1 to {most:,}")
    return one_line(words)


def _name(by: str | None, folder: Path) -> str:
    """Who accepts: `--by`, else the name that git writes into commits here.

    Raises:
        InputError: there is neither.
    """
    if by is None:
        try:
            by = git(folder, "config", "user.name").strip()
        except CouldNotRunError:
            by = ""
        if not by:
            raise InputError("who accepts? git has no user.name here; allowed: --by NAME")
    return _line(by, "--by", MOST_NAME)


def _target(config: Config, dataset: str) -> tuple[Path, bool]:
    """The file that is written, and whether it has to be there."""
    if config.baseline is None:
        folder = config.root / "benchmarks" / "baselines"
        if dataset != Path(dataset).name or not dataset.strip(".") or not dataset.isprintable():  # somebody sent it
            raise InputError(f"the results are of the data set {quoted(dataset)}, which names no file")
        found = find_baseline(folder, dataset)
        return found or folder / f"{dataset}.json", found is not None
    if len(config.baseline) != 1 or not config.baseline[0].name.endswith(_FORMS):
        names = some([path.name for path in config.baseline], _SHOWN)
        raise InputError(f"{config.origins['baseline']}: {names}; allowed: one file NAME.json, which is written")
    return config.baseline[0], True


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".json")
