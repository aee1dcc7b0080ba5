"""The options that all commands with a configuration share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from relevance import config as options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection

    from relevance.cli.answer import Surroundings
    from relevance.config import Config

__all__ = ["OF_SESSIONS", "add_options", "configured"]

OF_SESSIONS = ("--baseline", "--require-baseline", "--on-common-queries")
"""What compares a session with earlier ones: it would change nothing for a command that compares with none."""


def add_options(parser: argparse.ArgumentParser, command: str = "", *, without: Collection[str] = ()) -> None:
    """Add `--config` and the options of the configuration's keys, those of one command too."""

    def add(name: str, **settings: Any) -> None:
        if name not in without:
            parser.add_argument(name, **settings)

    options.add_options(add, command)


def configured(arguments: argparse.Namespace, surroundings: Surroundings) -> Config:
    """The configuration: `--config`, else the nearest file upwards of the current folder.

    Raises:
        InputError: bad input, see `read_config`.
    """
    from relevance.config import find_upwards, read_config  # noqa: PLC0415 - numpy, not needed for --help

    given = arguments.relevance_config
    return read_config(
        options=options.given_options(arguments),
        environ=surroundings.environ,
        file=find_upwards(surroundings.folder) if given is None else Path(given),
        root=surroundings.folder,
        cwd=surroundings.folder,
    )
