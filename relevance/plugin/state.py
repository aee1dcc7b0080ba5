"""What the session has got to, and how an error of ours ends it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relevance.config import Config
    from relevance.suite import Plan, Suite

__all__ = ["COULD_NOT_RUN", "FIXTURE", "STATE", "State", "at_collection", "in_fixture", "settings"]

COULD_NOT_RUN = 7
"""Exit code where the input is fine but a part is not there: a model, a device, an engine, room on the disk."""

FIXTURE = "measure_strategy"
"""The fixture that makes a test a benchmark of ours."""


@dataclass
class State:
    """What the session has got to.

    Attributes:
        config: read when pytest is configured.
        plan: made at the end of collection, where a benchmark of ours was selected.
        suite: the plan, embedded and indexed.
        written: the folder of results, once it is complete.
        ungated_in_ci: whether nothing was gated although `CI` is set.
    """

    config: Config | None = None
    plan: Plan | None = None
    suite: Suite | None = None
    written: Path | None = None
    ungated_in_ci: bool = False


STATE = pytest.StashKey[State]()


def settings(config: pytest.Config) -> Config:
    """The suite's configuration, beside pytest's."""
    ours = config.stash[STATE].config
    assert ours is not None, "read when pytest is configured"  # noqa: S101 - for the type checker
    return ours


@contextmanager
def at_collection() -> Iterator[None]:
    """Print an error of ours as its one line, with pytest's own exit code for it."""
    try:
        yield
    except InputError as error:
        raise pytest.UsageError(str(error)) from None
    except CouldNotRunError as error:
        pytest.exit(str(error), returncode=COULD_NOT_RUN)


@contextmanager
def in_fixture() -> Iterator[None]:
    """The same inside a fixture or test, where pytest would take a usage error for a failure of the test."""
    try:
        yield
    except InputError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    except CouldNotRunError as error:
        pytest.exit(str(error), returncode=COULD_NOT_RUN)
