"""Run time in the verdict: ratios to the calibration, and what is not compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.snapshots import measured, session

from relevance.gate import Limits, compare

if TYPE_CHECKING:
    from relevance.baseline import Measurement, Snapshot
    from relevance.gate import Comparison

NOT_COMPARED = "run time: not compared, "


def _own(seconds: float | None, rounds: int = 3) -> Measurement:
    return measured(np.ones(60), run_time_s=seconds, rounds=rounds)


def _compared(before: Snapshot, now: Snapshot, limits: Limits | None = None) -> Comparison:
    return compare(before, now, limits or Limits(), baseline="main.json", draws=100)


@pytest.mark.parametrize(
    ("seconds", "status", "improved"),
    [
        (0.49, "pass", True),
        (0.51, "pass", False),
        (1.5, "pass", False),
        (1.51, "warn", False),
        (2.0, "warn", False),
        (2.01, "fail", False),
    ],
)
def test_run_time_is_in_calibrations(seconds: float, status: str, improved: bool) -> None:  # noqa: FBT001 - a case
    """The baseline's machine was half as fast, so that 2 s there are 1 s here; above 1.5 s warns, above 2 s fails."""
    before, now = session(calibration=0.5, own=_own(2.0)), session(calibration=0.25, own=_own(seconds))
    (found,) = [one for one in _compared(before, now).findings if one.measure == "run time"]
    assert (found.status, found.improved) == (status, improved)
    assert (found.before, found.after, found.relative) == (4.0, 4 * seconds, seconds - 1)


def test_limits_can_be_set_by_strategy() -> None:
    """Above three times fails where that is set, else above twice."""
    before = session(calibration=1.0, slow=_own(1.0), other=_own(1.0))
    now = session(calibration=1.0, slow=_own(2.5), other=_own(2.5))
    found = _compared(before, now, Limits(strategies={"slow": {"time_fail": 3.0}}))
    assert (found.status("slow"), found.status("other")) == ("warn", "fail")
    (reason,) = next(one.reasons for one in found.findings if (one.strategy, one.measure) == ("slow", "run time"))
    assert reason == "takes 2.50 times as long as before, above 1.5 (1.00 → 2.50 calibrations)"


@pytest.mark.parametrize(
    ("before", "now", "note"),
    [
        (
            session(calibration=1.0, engine="elasticsearch", own=_own(1.0)),
            session(calibration=1.0, own=_own(9.0)),
            f"{NOT_COMPARED}the baseline's engine is elasticsearch and this is embedded",
        ),
        (
            session(own=_own(1.0)),
            session(calibration=1.0, own=_own(9.0)),
            f"{NOT_COMPARED}the baseline has no calibration",
        ),
        (
            session(calibration=1.0, own=_own(1.0)),
            session(own=_own(9.0)),
            f"{NOT_COMPARED}this session has no calibration",
        ),
        (
            session(calibration=1.0, own=_own(1.0)),
            session(calibration=1.0, own=_own(9.0, rounds=1)),
            "run time: own is not compared, this session has a single round, 2 are needed",
        ),
        (
            session(calibration=1.0, own=_own(1.0), other=_own(1.0)),
            session(calibration=1.0, own=_own(None), other=_own(1.0)),
            "run time: own is not compared, this session has no time of it",
        ),
        (
            session(calibration=1.0, own=_own(1.0)),
            session(own=_own(None)),
            f"{NOT_COMPARED}there are no times of the same queries on both sides",
        ),
    ],
)
def test_what_cannot_be_compared_is_said(before: Snapshot, now: Snapshot, note: str) -> None:
    """Never a verdict, always a line."""
    found = _compared(before, now)
    assert note in found.notes
    assert not [one for one in found.findings if (one.strategy, one.measure) == ("own", "run time")]
