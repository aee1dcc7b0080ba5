"""The containers of one test, running or not, asked of the Docker engine; those of other tests have other labels."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from faults.node import JAVA
from relevance.engines.elasticsearch.container import LABEL

if TYPE_CHECKING:
    from collections.abc import Callable


def quick(make: Callable[..., Any]) -> Callable[..., Any]:
    """Have Java in a container that is made use its quick compiler, as in other nodes of tests."""

    def made(*arguments: Any, **options: Any) -> Any:
        container = make(*arguments, **options)
        container.env["_JAVA_OPTIONS"] = JAVA
        return container

    return made


def containers(family: str) -> list[str]:
    """The names of those whose label says so."""
    return sorted(one["Names"][0].lstrip("/") for one in _listed(label=f"{LABEL}={family}"))


def published(name: str) -> list[tuple[str, str]]:
    """The addresses and ports of this machine on which a container answers; none where it is gone."""
    found = _listed(name=f"^/{name}$")
    return [(port["IP"], str(port["PublicPort"])) for one in found for port in one["Ports"] if "PublicPort" in port]


def _listed(**filters: str) -> list[dict[str, Any]]:
    import docker  # noqa: PLC0415 - sessions under test load it only where there are containers

    with closing(docker.from_env()) as client:
        found: list[dict[str, Any]] = client.api.containers(all=True, filters=filters)
    return found
