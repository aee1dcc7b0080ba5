"""Print what is in force and where each value comes from: an option, the environment, a file, a default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.cli.answer import Answer, Surroundings
from relevance.cli.options import add_options, configured

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]

_WIDEST = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the configuration."""
    add_options(parser)


def run(arguments: argparse.Namespace, surroundings: Surroundings) -> Answer:
    """One line a key: key, value, origin."""
    from relevance.config import rows  # noqa: PLC0415 - numpy, only here

    table = rows(configured(arguments, surroundings))
    key_width = max(len(key) for key, _, _ in table)
    # a list of ten strategies would push every origin off the screen
    value_width = max((len(value) for _, value, _ in table if len(value) <= _WIDEST), default=0)
    return Answer(
        0, tuple(f"{key.ljust(key_width)}  {value.ljust(value_width)}  {origin}" for key, value, origin in table)
    )
