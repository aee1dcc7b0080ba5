"""The command `relevance`: parse, call the package, print. It holds no rule of its own.

Exit codes: 0 done, 1 the gate failed, 2 usage or bad input, 3 could not run, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from typing import TYPE_CHECKING, NoReturn

from relevance.cli.command import BAD_INPUT, COMMANDS, COULD_NOT_RUN, INTERRUPTED, Answer, run
from relevance.errors import InputError, RelevanceError, unknown, unusable_path
from relevance.text import printable_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

__all__ = ["COMMANDS", "main"]


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are lines of ours instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} ({self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of `argv` (without the program's name; None: those of the process); the exit code."""
    try:
        answer = _answer(sys.argv[1:] if argv is None else list(argv))
    except RelevanceError as error:
        answer = _refused(error)
    except OSError as error:
        answer = _refused(unusable_path(error))
    except SystemExit as ended:  # argparse has printed the help
        answer = Answer(int(ended.code or 0))
    except KeyboardInterrupt as interrupt:
        answer = Answer(INTERRUPTED, errors=(str(interrupt) or "interrupted",))
    if reason := _write(sys.stdout, answer.lines):
        answer = Answer(COULD_NOT_RUN, errors=(*answer.errors, f"standard output: {reason}"), details=answer.details)
    errors = [f"relevance: {' '.join(line.splitlines())}" for line in answer.errors]
    _write(sys.stderr, [*errors, *(f"  {line}" for line in answer.details)])
    return answer.code


def _refused(error: RelevanceError) -> Answer:
    code = BAD_INPUT if isinstance(error, InputError) else COULD_NOT_RUN
    return Answer(code, errors=(str(error),), details=error.details)


def _answer(argv: list[str]) -> Answer:
    asked = argv[0] if argv else ""
    nothing = f"no command; allowed: {', '.join(COMMANDS)} (relevance --help)"
    if not asked:
        raise InputError(nothing)
    if not asked.startswith("-") and asked not in COMMANDS:
        raise InputError(unknown("command", asked, COMMANDS))
    parser, options = _parser(asked)
    arguments, rest = parser.parse_known_args(argv)
    if rest:
        # what stands behind the =, or in front of an @, may be a password
        raise InputError(unknown("argument", rest[0].partition("=")[0].rpartition("@")[2], options))
    if arguments.version:
        return Answer(0, (f"relevance {_version()}",))
    if asked not in COMMANDS:
        raise InputError(nothing)
    return run(asked, arguments)


def _parser(asked: str) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser, and the names of the options of the command that is asked for."""
    description = (__doc__ or "").partition("\n\n")[2].strip()
    parser = _Parser(
        prog="relevance",
        description="Regression benchmarks for product search. The benchmarks themselves run by pytest.",
        epilog=description,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND")
    options = ["--help", "--version"]
    for name, (add_arguments, _) in COMMANDS.items():
        own = commands.add_parser(
            name, help=add_arguments.__doc__, description=add_arguments.__doc__, allow_abbrev=False
        )
        add_arguments(own)
        if name == asked:
            options = re.findall(r"--[a-z-]+|[A-Z]+$", own.format_usage())
    return parser, options


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - `relevance --help` does without

    return version("relevance-benchmarks")


def _write(stream: TextIO | None, lines: Sequence[str]) -> str:
    """Print lines; why that failed, "" where it did not.

    A terminal without a character shows its number; a stream that is closed or whose reader has gone is no error.
    """
    if stream is None:
        return ""
    try:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # writes what argparse has left in the buffer
        for line in lines:
            print(printable_lines(line), file=stream)
        stream.flush()
    except OSError as error:
        # what is still buffered would be written, and fail, when the process ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return "" if isinstance(error, BrokenPipeError) else error.strerror or type(error).__name__
    return ""
