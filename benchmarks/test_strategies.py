"""The regression benchmarks: every ranking strategy on the data set that `--dataset` names.

A strategy fails where a mean is below its floor in `thresholds.toml`, or where it is worse than in the baseline; its
run time is recorded by pytest-benchmark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.strategies import Strategy


def test_strategy(strategy: Strategy, measure_strategy: Callable[[Strategy], None]) -> None:
    """The strategy's means of MRR, MAP and NDCG reach their floors."""
    measure_strategy(strategy)


def test_no_regression(strategy: Strategy, compare_strategy: Callable[[Strategy], None]) -> None:
    """The strategy is not worse than in the baseline, in relevance and in run time; all are measured before."""
    compare_strategy(strategy)
