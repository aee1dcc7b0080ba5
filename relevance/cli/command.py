"""What all commands share: what they are and what they give back, their options, the folder that they write."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relevance import config
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Mapping

    from relevance.report.folder import Content

OF_SESSIONS = ("--baseline", "--require-baseline", "--on-common-queries")
"""What compares a session with earlier ones: it would change nothing for a command that compares with none."""


@dataclass(frozen=True)
class Answer:
    """How a command ended; nothing is printed within one.

    Attributes:
        code: the exit code.
        lines: for the standard output.
        errors: for the standard error, one line each.
        details: further lines of the last error, such as the end of a log.
    """

    code: int
    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command: its help in a sentence, what adds its arguments to a parser, and what runs with them."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Answer]


def add_options(
    parser: argparse.ArgumentParser,
    command: str = "",
    *,
    without: Collection[str] = (),
    helps: Mapping[str, str] | None = None,
) -> None:
    """Add `--config` and the options of the configuration's keys.

    Args:
        parser: of the command.
        command: whose own options are added too.
        without: options that are left out.
        helps: what an option means for this command, where it is something else.
    """

    def add(name: str, **settings: Any) -> None:
        if name not in without:
            parser.add_argument(name, **{**settings, "help": (helps or {}).get(name, settings["help"])})

    config.add_options(add, command)


def read_config(arguments: argparse.Namespace) -> config.Config:
    """The configuration: `--config`, else the nearest file upwards of the current folder.

    Raises:
        InputError: bad input.
    """
    here, named = Path.cwd(), arguments.relevance_config
    return config.read_config(
        options=config.given_options(arguments),
        environ=os.environ,
        file=config.find_upwards(here) if named is None else Path(named),
        root=here,
        cwd=here,
    )


def out_of(settings: config.Config) -> Path | None:
    """The folder of the option `--out`; that of file and environment is for the results of benchmarks."""
    return settings.out if settings.origins["out"].startswith("option") else None


def write_out(folder: Path, files: Mapping[str, str | bytes], content: Content, *, named: str = "") -> None:
    """Replace a folder that `check_folder` has accepted.

    Raises:
        CouldNotRunError: it cannot be written; what was there is untouched.
    """
    from relevance.report.folder import write_folder  # noqa: PLC0415 - numpy

    try:
        write_folder(folder, files, content=content)
    except OSError as error:
        named = named or f"--out {folder}"
        raise CouldNotRunError(f"{named}: cannot be written ({error.strerror or error})") from None
