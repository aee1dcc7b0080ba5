"""Write a working project: a small catalogue, a configuration, benchmarks, floors, a CI workflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relevance.cli.answer import Answer, Surroundings
from relevance.scaffold import BASELINE, make_project

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="a new folder, or an empty one")


def run(arguments: argparse.Namespace, surroundings: Surroundings) -> Answer:
    """Write the project, and say what to type next."""
    made = make_project(surroundings.folder / arguments.dir)
    enter = "" if str(arguments.dir) == "." else f"cd {arguments.dir} && "
    compared = f"then: pytest --update-baseline, and commit {BASELINE}: what is worse than that fails"
    said = (f"next: {enter}pytest", compared)
    return Answer(0, (*(f"  {arguments.dir / name}" for name in made), *said))
