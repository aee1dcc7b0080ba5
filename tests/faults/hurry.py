"""A plugin of sessions under test: errors that last are waited for as many seconds as FAULTS_PATIENCE says, not 60."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch.failures import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE = RetryPolicy.run


def _hurried(self: RetryPolicy, call: Callable[[], Any], **arguments: Any) -> Any:
    seconds = float(os.environ["FAULTS_PATIENCE"])
    return _WHOLE(replace(self, seconds=min(seconds, self.seconds)), call, **arguments)


RetryPolicy.run = _hurried  # type: ignore[method-assign]
