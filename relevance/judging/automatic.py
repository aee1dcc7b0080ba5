"""Programs that grade in the place of people: a command, or a Python function."""

from __future__ import annotations

import json
import shlex
from contextlib import closing
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from relevance.datasets.overlay import Rating, changing
from relevance.datasets.tables import parsed_grade
from relevance.errors import CouldNotRunError, InputError
from relevance.files import quoted
from relevance.programs import LineProgram, load_function

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence

    from relevance.datasets.overlay import Pair
    from relevance.judging.queue import Row
    from relevance.records import Dataset

    Answers = Generator[tuple[Row, float | None]]

HELD_OUT = 100
"""Pairs of people's that a program grades, too: its agreement with people is told by these."""

ANSWER_S = 300.0
"""A command that says nothing for so long is given up."""

_MOST_CHARACTERS = 1_000
_AT_ONCE = 20


def held_out(dataset: Dataset, people: Iterable[Pair]) -> list[Pair]:
    """Some of the pairs that people graded, by no order but a checksum's: of the same pairs the same ones.

    Args:
        dataset: with its own judgments alone: they are people's, too.
        people: the pairs of it that people graded beside them.
    """
    queries, products, judgments = dataset.queries.ids, dataset.catalogue.ids, dataset.judgments
    codes = zip(judgments.queries.tolist(), judgments.products.tolist(), strict=True)
    own = ((queries[query], products[product]) for query, product in codes)
    return nsmallest(HELD_OUT, {*nsmallest(HELD_OUT, own, _checksum), *people}, _checksum)


def _checksum(pair: Pair) -> tuple[int, Pair]:
    return crc32(json.dumps(pair).encode()), pair


def ask_command(command: str, rows: Sequence[Row], grades: Collection[float], *, seconds: float = ANSWER_S) -> Answers:
    """Have a command grade rows, one after the other.

    It gets a line of JSON a row on its standard input: `query`, `query_id`, `product` (its id), `fields` (see
    `Row.texts`) and `grades`, those that are allowed; and prints a line a row, in their order: a grade, or nothing for
    none. It is started without a shell, and sees the environment.

    Args:
        command: as a shell would split it.
        rows: what is graded.
        grades: those that are allowed.
        seconds: how long it may be silent.

    Yields:
        Each row with its grade, None for none.

    Raises:
        InputError: the command cannot be split, or prints what is no such grade.
        CouldNotRunError: it cannot be started, ends early or with another code than 0, or is silent for too long.
    """
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise InputError(f"--auto {quoted(command)}: {error}; allowed: a command as a shell would split it") from None
    name = f"--auto {arguments[0]}"
    asked = (json.dumps(_asked(row, grades)).encode() + b"\n" for row in rows)
    try:
        with closing(LineProgram(arguments, most_characters=_MOST_CHARACTERS)) as program:
            program.ask(asked)
            for number, row in enumerate(rows, start=1):
                yield row, _grade(program.line(seconds=seconds), grades, f"{name}, line {number}")
            program.finish(seconds=seconds)
    except CouldNotRunError as error:
        kept = "what it graded is kept, the same command goes on"
        raise CouldNotRunError(f"{name}: {error}; {kept}", details=error.details) from None


def _asked(row: Row, grades: Collection[float]) -> Mapping[str, object]:
    return {
        "query": row.text,
        "query_id": row.query,
        "product": row.product,
        "fields": row.texts,
        "grades": list(grades),
    }


def _grade(text: str, grades: Collection[float], where: str) -> float | None:
    grade = parsed_grade(text)
    if text and grade not in grades:
        allowed = ", ".join(map(str, grades))
        raise InputError(f"{where}: found {quoted(text)}; allowed: one of {allowed}, or nothing")
    return grade


def ask_function(name: str, rows: Sequence[Row], grades: Collection[float]) -> Answers:
    """Have a Python function grade rows: `function(query, fields) -> grade`, None for none.

    Args:
        name: `module:function`; the module is imported from the current folder, too.
        rows: what is graded; `fields` are `Row.texts`.
        grades: those that are allowed.

    Yields:
        Each row with its grade, None for none.

    Raises:
        InputError: there is no such function, or it gives what is no such grade.
        CouldNotRunError: it raises an exception.
    """
    try:
        function = load_function(name, Path.cwd())
    except InputError as error:
        raise InputError(f"--auto-function {error}") from None
    for row in rows:
        try:
            grade = function(row.text, row.texts)
            text = "" if grade is None else str(grade)
        except (Exception, SystemExit) as error:
            what = f"{quoted(row.text)}: {type(error).__name__}: {error}"
            raise CouldNotRunError(f"--auto-function {name}: {what}; what it graded is kept") from error
        yield row, _grade(text, grades, f"--auto-function {name}")


def fill(answers: Answers, path: Path, rater: str, today: str, *, done: Callable[[], object]) -> int:
    """Write the grades of a program into an overlay as they come, and count them; an error loses none before it.

    `done` is called after each row.
    """
    waiting: list[Rating] = []
    count = 0
    try:
        with closing(answers):
            for row, grade in answers:
                if grade is not None:
                    waiting.append(Rating(*row.pair, grade, rater, today))
                    count += 1
                done()
                if len(waiting) >= _AT_ONCE:
                    _keep(waiting, path)
    finally:
        _keep(waiting, path)
    return count


def _keep(waiting: list[Rating], path: Path) -> None:
    with changing(path) as ratings:
        ratings.update({(one.pair, one.rater): one for one in waiting})
    waiting.clear()
