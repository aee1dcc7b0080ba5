"""The way to a server: reached, asked what it is, and held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from relevance.engines.elasticsearch.failures import RetryPolicy
from relevance.engines.elasticsearch.greeting import RELEASES, greet
from relevance.engines.elasticsearch.urls import split_url
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from types import TracebackType

    from elasticsearch import Elasticsearch

    from relevance.engines.elasticsearch.settings import Credentials

__all__ = ["RELEASES", "Connection", "connect", "split_url"]

_HELLO_S = 10.0
"""The first answer takes no work; one that takes longer does not come."""

_RETRY_POLICY = RetryPolicy(seconds=30.0, unreachable_s=2.0)
"""A wrong port fails soon; a node that comes up says 503 for a while."""


@dataclass(frozen=True, eq=False)
class Connection:
    """A server of a release that we know; at the end of a `with` it is let go.

    Attributes:
        client: for any number of threads, at most four requests at a time.
        url: without user and password.
        version: as `8.19.5`.
        release: its first part.
        timeout: seconds until an answer is given up.
    """

    client: Elasticsearch = field(repr=False)
    url: str
    version: str
    release: int
    timeout: float = 60.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; safe to call twice."""
        self.client.close()

    def wait_yellow(self, seconds: float, index: str | None = None) -> None:
        """Wait until all primary shards are there.

        Args:
            seconds: at most.
            index: of this index; None: of all.

        Raises:
            CouldNotRunError: they are not.
        """
        client = self.client.options(request_timeout=seconds + self.timeout, ignore_status=408)
        health = (
            RetryPolicy(seconds)
            .run(
                lambda: client.cluster.health(
                    index=index, wait_for_status="yellow", timeout=f"{max(1, round(seconds))}s"
                ),
                doing="waiting for its shards",
                url=self.url,
            )
            .body
        )
        status = health.get("status") if isinstance(health, Mapping) else None
        if status not in ("yellow", "green"):
            what = f"index {index!r}" if index else "the cluster"
            how = f"is {status or 'not ready'} after {seconds:g} s: shards are missing"
            raise CouldNotRunError(f"elasticsearch at {self.url}: {what} {how}")


def connect(
    url: str, credentials: Credentials, *, timeout: float, retry_policy: RetryPolicy | None = None
) -> Connection:
    """Reach a server and see that it is an Elasticsearch of a release that we know.

    Args:
        url: http or https, with the port; a user and a password inside it are used where the credentials have none.
        credentials: what the server is shown; those of TLS count for https only.
        timeout: seconds until an answer is given up.
        retry_policy: for a server that does not answer yet; None: two seconds, thirty where it says that it comes up.

    Raises:
        InputError: the URL or the credentials cannot be right.
        CouldNotRunError: nothing answers, or it is something else, or it refuses the credentials.
    """
    from relevance.engines.elasticsearch.transport import make_client  # noqa: PLC0415 - it loads the client

    shown, inside = split_url(url)
    if not (credentials.user or credentials.password):
        credentials = replace(credentials, user=inside.user, password=inside.password)
    client = make_client(shown, credentials, timeout=timeout)
    try:
        hello = client.options(request_timeout=min(timeout, _HELLO_S))
        version = greet(hello, shown, retry_policy=retry_policy or _RETRY_POLICY)
    except BaseException:
        client.close()
        raise
    return Connection(client, shown, version, int(version.split(".")[0]), timeout)
