"""What a server is: an Elasticsearch of a release that we know, or what else answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch.failures import explained
from relevance.engines.elasticsearch.network import broken
from relevance.engines.elasticsearch.refusals import refusal
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from elasticsearch import ApiError, Elasticsearch

    from relevance.engines.elasticsearch.failures import RetryPolicy

__all__ = ["RELEASES", "greet"]

RELEASES = (8, 9)
"""Of Elasticsearch, those that are supported."""

_DOING = "connecting"
_NUMBER = re.compile(r"(\d+)\.\d+[\w.+-]*", re.ASCII)
"""A version is printed and stored: it holds nothing that a terminal would obey."""

_TAGLINE = "You Know, for Search"
_ALIKE = frozenset({401, 403, 429})
"""Statuses that say the same whoever answers."""

_NO_ROOT = frozenset({400, 404, 405})
"""What an Elasticsearch says to `GET /` of a path that it does not have."""


def greet(client: Elasticsearch, url: str, *, retry_policy: RetryPolicy) -> str:
    """Ask a server what it is.

    Args:
        client: of it.
        url: of it, without user and password.
        retry_policy: with one that does not answer yet.

    Returns:
        Its version, as `8.19.5`.

    Raises:
        CouldNotRunError: nothing answers, or something else, or it refuses what it is shown.
    """
    try:
        body = retry_policy.run(lambda: _asked(client, url), doing=_DOING, url=url)
    except CouldNotRunError as error:
        if url.startswith("http:") and error.__cause__ is not None and broken(error.__cause__):
            raise CouldNotRunError(f"{error} If it speaks https: {url.replace('http', 'https', 1)}") from None
        raise
    name, number = _product(body)
    found = _NUMBER.fullmatch(number)
    if name != "Elasticsearch" or found is None or int(found[1]) not in RELEASES:
        raise CouldNotRunError(f"{url} {_is(body)}")
    return number


def _asked(client: Elasticsearch, url: str) -> object:
    """The answer to `GET /`; no media type of series 8 is asked for, which other servers would refuse."""
    from elasticsearch import (  # noqa: PLC0415 - the client is loaded where it is used
        ApiError,
        ConnectionTimeout,
        SerializationError,
        UnsupportedProductError,
    )

    try:
        return client.perform_request("GET", "/", headers={"accept": "*/*"}).body
    except UnsupportedProductError as error:
        raise CouldNotRunError(f"{url} {_is(error.body, unsigned=True)}") from None
    except SerializationError:
        raise CouldNotRunError(f"{url} answers, but is no Elasticsearch (what it says is not JSON)") from None
    except ConnectionTimeout as error:
        raise explained(error, doing=_DOING, url=url) from error
    except ApiError as error:
        if refusal(error.status_code, error.body).passes:
            raise
        raise _turned_away(error, url) from error


def _turned_away(error: ApiError, url: str) -> Exception:
    """A refusal that is final: of an Elasticsearch, or of something else."""
    status, headers = error.status_code, error.meta.headers
    if "https port" in str(error.body).lower():
        return CouldNotRunError(f"{url} speaks https; allowed: {url.replace('http://', 'https://', 1)}")
    if "location" in headers and status // 100 == 3:  # noqa: PLR2004 - redirections
        target = re.sub(r"(?<=//)[^/@]*@|[?#].*", "", headers["location"])
        return CouldNotRunError(f"{url} points to {target} ({status}); give the cluster's own URL")
    ours = headers.get("x-elastic-product") == "Elasticsearch"
    if ours and status in _NO_ROOT:
        return CouldNotRunError(f"{url} is a path on an Elasticsearch, not its root ({status}); is the path right?")
    if ours or status in _ALIKE:
        return explained(error, doing=_DOING, url=url)
    return CouldNotRunError(
        f"{url} answers {status}, but is no Elasticsearch ({_kind(error.body)}); is the path right?"
    )


def _product(body: object) -> tuple[str, str]:
    """Name and version of what answers; "" each where it does not say."""
    version = body.get("version") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(version, Mapping):
        return "", ""
    number, distribution = str(version.get("number", "")), str(version.get("distribution", ""))
    if distribution:
        return "OpenSearch" if distribution == "opensearch" else distribution[:40], number[:40]
    return ("Elasticsearch" if body.get("tagline") == _TAGLINE or "lucene_version" in version else ""), number[:40]


def _is(body: object, *, unsigned: bool = False) -> str:
    """What is said of it, behind its URL."""
    name, number = _product(body)
    supported = "releases 8 and 9 are supported"
    if not name:
        return f"answers, but is no Elasticsearch ({_kind(body)})"
    if name != "Elasticsearch":
        return f"is {name} {number}, not Elasticsearch; {supported}"
    found = _NUMBER.fullmatch(number)
    if unsigned and found is not None and int(found[1]) in RELEASES:
        return f"is Elasticsearch {number} without the header X-Elastic-Product; a proxy in between has to pass it on"
    return f"is Elasticsearch {number}; {supported}"


def _kind(body: object) -> str:
    """Of what it says."""
    if isinstance(body, Mapping):
        return "JSON of another kind"
    if isinstance(body, str) and body.lstrip().startswith("<"):
        return "an HTML page"
    return "text" if body else "an empty answer"
