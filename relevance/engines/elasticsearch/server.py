"""A server that is asked with retry_policy, and what that took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from relevance.engines.elasticsearch.failures import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from elasticsearch import Elasticsearch

    from relevance.engines.elasticsearch.connect import Connection

__all__ = ["Server"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Server:
    """A connection, and how long it is tried again.

    Attributes:
        connection: to the server.
        retry_policy: with what passes.
        retries: how often what was the reason for another try.
    """

    connection: Connection
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    retries: Counter[str] = field(default_factory=Counter)

    @property
    def client(self) -> Elasticsearch:
        """Of the connection."""
        return self.connection.client

    @property
    def url(self) -> str:
        """As it may be shown."""
        return self.connection.url

    def ask(self, call: Callable[[], T], *, doing: str) -> T:
        """Call until it goes well.

        Raises:
            RelevanceError: it does not; see `RetryPolicy.run`.
        """
        return self.retry_policy.run(call, doing=doing, url=self.url, retried=self._retried)

    def notes(self, doing: str) -> tuple[str, ...]:
        """A line on what had to be tried again; none where nothing had to."""
        if not self.retries:
            return ()
        whys = ", ".join(f"{why} ({count:,})" if count > 1 else why for why, count in sorted(self.retries.items()))
        total = self.retries.total()
        return (f"{doing} went well only after {total:,} more {'try' if total == 1 else 'tries'}: {whys}",)

    def _retried(self, why: str) -> None:
        self.retries[why] += 1
