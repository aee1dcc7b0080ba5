"""What the session has got to, and how an error of ours ends it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.plugin.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison, Limits
    from relevance.suite import Baseline, Plan, Suite

__all__ = ["COMPARING", "COULD_NOT_RUN", "FIXTURE", "STATE", "Gate", "State", "at_collection", "in_fixture", "settings"]

COULD_NOT_RUN = 7
"""Exit code where the input is fine but a part is not there: a model, a device, an engine, room on the disk."""

FIXTURE = "measure_strategy"
"""The fixture that makes a test a benchmark of ours."""

COMPARING = "compare_strategy"
"""The fixture that makes a test the comparison of a strategy with the baselines."""


@dataclass
class Gate:
    """The baselines of a session.

    Attributes:
        folder: of the benchmarks' own baselines.
        place: of this data set's own, for people.
        complete: whether all strategies that there are will be measured.
        required: whether it is a failure that there is no baseline.
        limits: from where on worse is a warning or a failure.
        baselines: those that the session is compared with.
        updates: whether the session makes a new baseline.
        replaced: what that one replaces.
        comparisons: one for each baseline, once they were made.
        compared: the strategies that they are about.
        diagnoses: one for each comparison, see `diagnosed`.
        explained: the comparisons that these are of.
        told: the strategies whose test has said what became of them.
        lines: what happened to the baseline that is updated, for the summary.
        failed: what failed that no test says, a line each.
    """

    folder: Path
    place: str
    complete: bool
    required: bool
    limits: Limits
    baselines: tuple[Baseline, ...] = ()
    updates: bool = False
    replaced: Snapshot | None = None
    comparisons: tuple[Comparison, ...] | None = None
    compared: tuple[str, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    explained: tuple[Comparison, ...] | None = None
    told: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass
class State:
    """What the session has got to.

    Attributes:
        config: read when pytest is configured.
        plan: made at the end of collection, where a benchmark of ours was selected.
        suite: the plan, embedded and indexed.
        notes: what people should know of the engine's session, once it is closed; printed at the end.
        details: further lines of the error that ended the session.
        interrupts: what SIGINT and SIGTERM do.
        gate: the baselines, found at the end of collection.
        finishing: whether the session is at its end: what an interrupt has left is closed and measured no further.
        written: the folder of results, once it is complete.
        ungated_in_ci: whether nothing was gated although `CI` is set.
    """

    config: Config | None = None
    plan: Plan | None = None
    suite: Suite | None = None
    gate: Gate | None = None
    notes: list[str] = field(default_factory=list)
    details: tuple[str, ...] = ()
    interrupts: Interrupts = field(default_factory=Interrupts)
    finishing: bool = False
    written: Path | None = None
    ungated_in_ci: bool = False
    _closed: bool = False

    def close(self) -> None:
        """Remove what the suite started, once; nothing interrupts it, and what goes wrong is a note."""
        if self.suite is None or self._closed:
            return
        self._closed = True
        with self.interrupts.at_most(0):
            try:
                self.suite.close()
            except RelevanceError as error:
                self.notes.append(str(error))
            self.notes += self.suite.notes()


STATE = pytest.StashKey[State]()


def settings(config: pytest.Config) -> Config:
    """The suite's configuration, beside pytest's."""
    ours = config.stash[STATE].config
    assert ours is not None, "read when pytest is configured"  # noqa: S101 - for the type checker
    return ours


@contextmanager
def at_collection(state: State) -> Iterator[None]:
    """Print an error of ours as its one line, with pytest's own exit code for it."""
    try:
        yield
    except InputError as error:
        raise pytest.UsageError("\n  ".join((str(error), *error.details))) from None
    except CouldNotRunError as error:
        state.details = error.details
        pytest.exit(str(error), returncode=COULD_NOT_RUN)


@contextmanager
def in_fixture(state: State) -> Iterator[None]:
    """The same inside a fixture or test, where pytest would take a usage error for a failure of the test."""
    try:
        yield
    except RelevanceError as error:
        state.details = error.details
        bad_input = isinstance(error, InputError)
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR if bad_input else COULD_NOT_RUN)
