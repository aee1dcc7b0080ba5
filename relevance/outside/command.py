"""A search that is a command: JSON lines in, JSON lines out."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relevance.errors import CouldNotRunError, InputError, StrategyError
from relevance.files import parse_json, quoted
from relevance.outside import Outside, Ranker, hits_in
from relevance.programs import LineProgram
from relevance.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.outside import Answer, Query

_MOST_CHARACTERS = 1 << 24
_START_S = 60.0
"""Until the first answer, where `seconds` are fewer: programs load what they rank with."""


@dataclass(frozen=True)
class Command(Outside):
    """`command = ["node", "rank.js"]`: started once, it reads a line a query and prints a line for each, in order.

    A line in is `{"query": …, "id": …, "params": {…}, "depth": 20}`; a line out is `{"hits": […]}` or the list alone,
    of ids, of `[id, score]`, or of `{"id": …, "score": …}`. It has to flush what it prints.

    Attributes:
        arguments: the command, started without a shell.
        folder: in which it runs.
        seconds: how long it may be silent, once it has answered.
    """

    arguments: tuple[str, ...]
    folder: str
    seconds: float

    @property
    def name(self) -> str:
        """What people call it."""
        return f"command {Path(self.arguments[0]).name}"

    def open(self) -> Ranker:
        """Look for the program; it is started when it is first asked."""
        first = self.arguments[0]
        path = str(Path(self.folder) / first) if "/" in first else first
        if shutil.which(path) is None:
            raise InputError(
                f"command: no program {quoted(first)}; allowed: one on the PATH, or a path from {self.folder}"
            )
        return _Talking(self)

    def definition(self) -> Mapping[str, Any]:
        """Its words: what it does is not known."""
        return {"command": list(self.arguments)}


class _Talking(Ranker):
    def __init__(self, command: Command) -> None:
        self._command = command
        self._program: LineProgram | None = None
        self._seconds = 0.0

    def rank(self, queries: Sequence[Query], depth: int) -> Iterator[Answer]:
        lines = (json.dumps(_asked(query, depth)).encode() + b"\n" for query in queries)
        for number, query in enumerate(queries):
            try:
                if number == 0:
                    self._started().ask(lines)
                answer = _answer(self._line())
            except (CouldNotRunError, InputError) as error:
                self.close()  # it would answer the next query with what was meant for this one
                raise StrategyError(f"{self._command.name}: {query}: {error}", details=error.details) from None
            yield answer

    def _started(self) -> LineProgram:
        if self._program is None:
            folder = Path(self._command.folder)
            self._program = LineProgram(self._command.arguments, folder=folder, most_characters=_MOST_CHARACTERS)
            self._seconds = max(self._command.seconds, _START_S)
        return self._program

    def _line(self) -> str:
        line = self._started().line(seconds=self._seconds)
        self._seconds = self._command.seconds
        return line

    def close(self) -> None:
        if self._program is not None:
            self._program.close()
            self._program = None


def _asked(query: Query, depth: int) -> Mapping[str, object]:
    return {"query": query.text, "id": query.id, "params": dict(query.params), "depth": depth}


def _answer(line: str) -> Answer:
    try:
        value = parse_json(line)
    except ValueError as error:
        raise InputError(f"found {quoted(one_line(line, 60))} ({error}); allowed: a line of JSON") from None
    return hits_in(value.get("hits") if isinstance(value, dict) else value)
