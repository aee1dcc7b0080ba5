"""The command that judges: a page for people, or a program, and what their grades come to."""

from __future__ import annotations

import getpass
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.cli import Answer
from relevance.cli.project import read_config
from relevance.datasets.overlay import AUTOMATIC, LEAST_SHARED, RATER_RULE, beside, is_rater, read_ratings, weigh
from relevance.errors import CouldNotRunError, InputError
from relevance.files import quoted, unwritable
from relevance.judging import (
    Queue,
    ask_command,
    ask_function,
    fill,
    fitting,
    grade_keys,
    held_out,
    read_pairs,
    rows_of,
    serving,
)
from relevance.suite import read_dataset
from relevance.text import plural, printable, progress_bar

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from relevance.datasets.overlay import Judging, Pair, Weighed
    from relevance.records import Dataset

_SAMPLE = "the sample of an installed package is no place for judgments"


@dataclass(frozen=True, eq=False)
class _Work:
    """What is to be judged, and by whom.

    Attributes:
        judging: what counts of it.
        dataset: with its own judgments alone.
        overlay: where the others are.
        rater: whose grades are added.
        pairs: in the order in which they are judged.
    """

    judging: Judging
    dataset: Dataset
    overlay: Path
    rater: str
    pairs: Sequence[Pair]

    @property
    def keys(self) -> dict[str, float]:
        """The grades that can be given."""
        return grade_keys(self.dataset.judgments.grades.tolist())

    def weighed(self) -> Weighed:
        """What the overlay comes to now."""
        return weigh(self.dataset, read_ratings(self.overlay)[0].values(), self.judging)


def run(arguments: argparse.Namespace) -> Answer:
    """Ask for grades until all rows have one or Control-C ends it, and say what there is then."""
    config = read_config(arguments)
    overlay = beside(config.source)
    if overlay is None:
        raise InputError(f"{_SAMPLE}; allowed: a copy of its files (homedepot:DIR), or a data set of your own")
    rater = _rater(arguments)
    asked, later = read_pairs(config.out if arguments.results is None else Path(arguments.results))
    dataset = read_dataset(replace(config, source=replace(config.source, overlaid=False)))
    if problem := unwritable(overlay.parent):
        raise CouldNotRunError(f"{overlay}: cannot be written ({problem}); it has to lie beside the data set's files")
    pairs = fitting(dataset, asked)
    work = _Work(config.judging, dataset, overlay, rater, pairs)
    by_people = _program(arguments) is None
    lines = _by_people(work, arguments.port) if by_people else _by_program(work, arguments)
    lines += work.weighed().agreement_lines(config.judging)
    if later:
        others = plural(later, "other row")
        lines.append(f"after these run pytest benchmarks/ again: it asks for more ({others}) only where it needs them")
    if left_out := len(asked) - len(pairs):
        what = plural(left_out, "row is", "rows are")
        lines.append(f"note: {what} left out: judged by the data set's own files, or of what it does not have")
    return Answer(0, tuple(lines))


def _program(arguments: argparse.Namespace) -> str | None:
    """The program that grades, None where people do."""
    program: str | None = arguments.auto if arguments.auto is not None else arguments.auto_function
    if program is not None and not program.strip():
        raise InputError("--auto is empty; allowed: a command and its arguments, or --auto-function MODULE:FUNCTION")
    return program


def _rater(arguments: argparse.Namespace) -> str:
    """Whose grades these are: the name that was given, that of the user, or that of the program."""
    name: str | None = arguments.rater
    program = _program(arguments)
    if name is None and program is not None:
        name = Path(program.split()[0]).name
    elif name is None:
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):
            raise InputError("this user has no name here; allowed: --rater NAME") from None
    if name.startswith(AUTOMATIC) and program is None:
        raise InputError(f"--rater {quoted(name)}: {AUTOMATIC} is for programs; allowed: another name, or --auto")
    name = name if program is None else f"{AUTOMATIC}{name.removeprefix(AUTOMATIC)}"
    if not is_rater(name):
        raise InputError(f"--rater {quoted(name)}; allowed: {RATER_RULE}")
    return name


def _by_people(work: _Work, port: int) -> list[str]:
    rater, of = work.rater, plural(len(work.pairs), "row")
    queue = Queue(rows_of(work.dataset, work.pairs), work.overlay, rater, work.keys, _today)
    if queue.graded == len(queue.rows):
        return [f"nothing to judge: {rater} has judged {queue.graded:,} of {of}"]
    with suppress(KeyboardInterrupt), serving(queue, port) as url:
        # what ends only by Control-C says where it is at once
        left = plural(len(queue.rows) - queue.graded, "row")
        sys.stderr.write(f"{left} to judge, as {printable(rater)}: {url} (Control-C ends)\n")
        sys.stderr.flush()
        _wait()
    return [f"{rater}: {queue.graded - queue.already:,} judged now, {queue.graded:,} of {of}; {work.overlay}"]


def _wait() -> None:
    """Wait for Control-C."""
    threading.Event().wait()


def _by_program(work: _Work, arguments: argparse.Namespace) -> list[str]:
    people, rater = work.weighed().people, work.rater
    ratings, _ = read_ratings(work.overlay)
    known = held_out(work.dataset, people)
    unjudged = [pair for pair in work.pairs if pair not in people]
    rows = rows_of(work.dataset, [pair for pair in (*known, *unjudged) if (pair, rater) not in ratings])
    grades = tuple(work.keys.values())
    if arguments.auto:
        answers = ask_command(arguments.auto, rows, grades)
    else:
        answers = ask_function(arguments.auto_function, rows, grades)
    with progress_bar(len(rows), "judging", "row", shown=True) as bar:
        count = fill(answers, work.overlay, rater, _today(), done=bar.update)
    of = f"{plural(len(unjudged), 'row')} that nobody has judged and {plural(len(known), 'pair')} of people's"
    lines = [f"{rater}: {count:,} judged now, of {of}; {work.overlay}"]
    if len(known) < LEAST_SHARED:
        lines.append(f"note: people have graded {plural(len(known), 'pair')}, too few to tell how far {rater} agrees")
    return lines


def _today() -> str:
    return datetime.now(UTC).astimezone().date().isoformat()
