"""What a command is given and what it gives back: nothing is printed and nothing is read from the process within."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Answer", "Surroundings"]


@dataclass(frozen=True)
class Answer:
    """How a command ended.

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
class Surroundings:
    """Where a command runs: the current folder and the environment's variables."""

    folder: Path
    environ: Mapping[str, str]
