"""A pytest plugin that makes one strategy slower: `-p studies.slowed`, with `SLOWED=NAME:TIMES` in the environment.

Its work is done so many times, so that whatever makes searching slow makes what was planted as slow.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from relevance import runner

if TYPE_CHECKING:
    from relevance.records import Ranking

VARIABLE = "SLOWED"


def _slowed(name: str, times: int) -> None:
    search = runner.search

    def several(engine: Any, strategy: Any, batch: Any, **options: Any) -> Ranking:
        for _ in range(times - 1 if strategy.name == name else 0):
            search(engine, strategy, batch, **options)
        return search(engine, strategy, batch, **options)

    runner.search = several


if planted := os.environ.get(VARIABLE, ""):
    _slowed(planted.partition(":")[0], int(planted.partition(":")[2]))
