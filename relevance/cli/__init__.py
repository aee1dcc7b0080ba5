"""The command `relevance`: parse, call the package, print. It holds no rule of its own."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from relevance.errors import InputError, RelevanceError, unusable_path
from relevance.text import Line, coloured, folded, is_coloured, printable_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

__all__ = ["BAD_INPUT", "COULD_NOT_RUN", "FAILED", "INTERRUPTED", "Answer", "main", "write_lines"]

FAILED, BAD_INPUT, COULD_NOT_RUN, INTERRUPTED = 1, 2, 3, 130
"""Exit codes."""


@dataclass(frozen=True)
class Answer:
    """How a command ended; nothing is printed within one.

    Attributes:
        code: the exit code.
        lines: for the standard output; a `Line` is folded on a terminal, and coloured where colours are seen.
        errors: for the standard error, one line each.
        details: further lines of the last error, such as the end of a log.
    """

    code: int
    lines: tuple[str | Line, ...] = ()
    errors: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of `argv` (without the program's name; None: those of the process); the exit code."""
    try:
        from relevance.cli.parser import run  # noqa: PLC0415 - Control-C is answered while modules are imported, too

        answer = run(sys.argv[1:] if argv is None else list(argv))
    except RelevanceError as error:
        answer = _refused(error)
    except OSError as error:
        answer = _refused(unusable_path(error))
    except SystemExit as ended:  # argparse has printed the help
        answer = Answer(int(ended.code or 0))
    except KeyboardInterrupt as interrupt:
        answer = Answer(INTERRUPTED, errors=(str(interrupt) or "interrupted",))
    if reason := write_lines(sys.stdout, answer.lines):
        answer = Answer(COULD_NOT_RUN, errors=(*answer.errors, f"standard output: {reason}"), details=answer.details)
    errors = [Line(f"relevance: {' '.join(line.splitlines())}", "bad") for line in answer.errors]
    write_lines(sys.stderr, [*errors, *(f"  {line}" for line in answer.details)])
    return answer.code


def _refused(error: RelevanceError) -> Answer:
    code = BAD_INPUT if isinstance(error, InputError) else COULD_NOT_RUN
    return Answer(code, errors=(str(error),), details=error.details)


def _shown(line: str | Line, stream: TextIO) -> str:
    if isinstance(line, str):
        return printable_lines(line)
    rows = folded(line.text, get_terminal_size().columns) if stream.isatty() else [line.text]
    return "\n".join(coloured(Line(row, line.mark)) for row in rows) if is_coloured(stream) else "\n".join(rows)


def write_lines(stream: TextIO | None, lines: Sequence[str | Line]) -> str:
    """Print lines; why that failed, "" where it did not.

    A terminal without a character shows its number; a stream that is closed or whose reader has gone is no error.
    """
    if stream is None:
        return ""
    try:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # writes what argparse has left in the buffer
        for line in lines:
            print(_shown(line, stream), file=stream)
        stream.flush()
    except OSError as error:
        # what is still buffered would be written, and fail, when the process ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return "" if isinstance(error, BrokenPipeError) else error.strerror or type(error).__name__
    return ""
