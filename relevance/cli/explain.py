"""The command that explains a rank: one query, one product, a strategy or more."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from relevance import suite
from relevance.baseline import read_baseline
from relevance.cli import Answer
from relevance.cli.project import read_config
from relevance.errors import RelevanceError
from relevance.report.explained import explained_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from relevance.baseline import Snapshot
    from relevance.config import Config
    from relevance.strategies import Strategy
    from relevance.suite import ProductRank, Suite


def run(arguments: argparse.Namespace) -> Answer:
    """Index what the strategies need, ask for the one query, and print where the product's score comes from."""
    config = replace(read_config(arguments, measures=True), floors=None)
    chosen = config.selected if config.origins["strategy"].startswith("option") else config.selected[:1]
    here = Path.cwd()
    baselines = {
        os.path.relpath(path, here): read_baseline(path)
        for path in suite.baseline_paths(config, config.root / "benchmarks" / "baselines")
    }
    lines: list[str] = []
    with ExitStack() as opened:
        asked = _Asked(arguments.query, arguments.product, opened)
        today = asked.suite_of(config, chosen)
        for strategy in today.plan.strategies:
            now = asked.rank(today, strategy)
            before = tuple(asked.before(name, one, today, now) for name, one in baselines.items())
            lines += [*([""] if lines else []), *explained_lines(replace(now, before=before))]
    return Answer(0, tuple(lines))


class _Asked:
    """A query and a product, asked of today's strategies and of those of baselines.

    Args:
        query: its id or text.
        product: its id.
        opened: what is closed at the end.
    """

    def __init__(self, query: str, product: str, opened: ExitStack) -> None:
        self._query, self._product, self._opened = query, product, opened
        self._folder = Path(opened.enter_context(TemporaryDirectory()))

    def suite_of(self, config: Config, strategies: Sequence[Strategy]) -> Suite:
        """Index what strategies need."""
        plan = suite.only_query(suite.make_plan(config, strategies), self._query)
        suite.product_code(plan.dataset, self._product)
        return self._opened.enter_context(closing(suite.prepare(plan, progress=True)))

    def rank(self, indexed: Suite, strategy: Strategy) -> ProductRank:
        """Explain the product's rank."""
        return suite.explain(indexed, strategy, suite.product_code(indexed.plan.dataset, self._product))

    def before(self, name: str, snapshot: Snapshot, today: Suite, now: ProductRank) -> suite.Before:
        """Say which rank the product had in a baseline, and what has moved it since."""
        strategy = now.strategy
        rank = suite.rank_before(snapshot, strategy.name, now.query, now.product)
        if strategy.name not in snapshot.strategies:
            return suite.Before(name, rank)
        changes = suite.changes_since(today, snapshot, strategy)
        config = today.plan.config
        try:
            then = suite.earlier(config, strategy, snapshot, self._folder)
            if then is None:
                return suite.Before(name, rank, changes)
            config, strategy = then
            old = self.rank(self.suite_of(config, [strategy]), strategy)
        except RelevanceError as error:
            return suite.Before(name, rank, (*changes, f"not asked again as it was: {error}"))
        again = suite.rank_words(old.rank)
        other = [] if again == rank else [f"asked again as it was: {again}, which is another than it had"]
        return suite.Before(name, rank, (*changes, *suite.since(old, now), *other))
