"""An engine for all that a search for better values tries."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from relevance.strategies import readings_of
from relevance.suite.measure import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from relevance.engines import Engine, QueryBatch
    from relevance.strategies import Strategy
    from relevance.suite.plan import Plan


@contextmanager
def asking(plan: Plan, *, progress: bool) -> Iterator[Callable[[Sequence[Strategy]], tuple[Engine, QueryBatch]]]:
    """Give a function from strategies over a plan's products to an engine that answers them, and all queries for it.

    An engine that cannot read text fields in more ways gets an index anew for those that it has not; it holds them and
    those of the plan alone, as a server has a limit of fields.

    Args:
        plan: of the strategy as it is, and of all vectors that are searched.
        progress: whether bars are shown.

    Raises:
        CouldNotRunError: see `prepare`.
    """
    embedded: dict[object, Any] = {}
    with plan.engine.open(progress=progress) as indexer:
        opened = replace(plan, engine=replace(plan.engine, open=lambda **_: nullcontext(indexer)))
        suite = prepare(opened, progress=progress, embedded=embedded)
        own = held = frozenset(plan.dataset.catalogue.fields.readings)

        def ask(strategies: Sequence[Strategy]) -> tuple[Engine, QueryBatch]:
            nonlocal suite, held
            readings = [one for one in readings_of(strategies) if one not in own]
            more = [one for one in readings if one not in held]
            if more and suite.engine.read(more):
                held = held.union(more)
            elif more:
                suite.close()
                dataset = replace(plan.dataset, catalogue=plan.dataset.catalogue.read(readings))
                suite = prepare(replace(opened, dataset=dataset), progress=progress, embedded=embedded)
                held = own.union(readings)
            return suite.engine, suite.batch

        try:
            yield ask
        finally:
            suite.close()
