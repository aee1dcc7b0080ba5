"""A plugin of sessions under test: small batches, quick containers, how long they wait, whose containers theirs are.

A few hundred products are as many batches as thousands are for a user.

FAULTS_PATIENCE: seconds in the place of the 60 for which errors that may pass are waited for.
FAULTS_FAMILY: what the label of containers says, so that tests which run meanwhile neither see nor remove them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from faults.containers import quick
from relevance.engines.elasticsearch import container, engine, index
from relevance.engines.elasticsearch.client import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE, _USUAL = RetryPolicy.run, RetryPolicy().seconds


def _patient(self: RetryPolicy, call: Callable[[], Any], **arguments: Any) -> Any:
    patience = float(os.environ.get("FAULTS_PATIENCE", _USUAL))
    seconds = patience if self.seconds == _USUAL else min(patience, self.seconds)
    return _WHOLE(replace(self, seconds=seconds), call, **arguments)


RetryPolicy.run = _patient  # type: ignore[method-assign]
container.FAMILY = os.environ.get("FAULTS_FAMILY", container.FAMILY)
container.Container._new = quick(container.Container._new)  # type: ignore[method-assign]
index._DOCUMENTS, engine._SEARCHES_A_REQUEST = 100, 40
