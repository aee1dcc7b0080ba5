"""The containers of ours that there are, running or not, asked of the Docker engine."""

from __future__ import annotations

from contextlib import closing

import docker

from relevance.engines.elasticsearch.docker import KIND


def containers() -> list[str]:
    """Their names."""
    with closing(docker.from_env()) as client:
        found = client.api.containers(all=True, filters={"label": KIND})
    return sorted(one["Names"][0].lstrip("/") for one in found)


def published(name: str) -> list[tuple[str, str]]:
    """The addresses and ports of this machine on which a container answers; none where it is gone."""
    with closing(docker.from_env()) as client:
        found = client.api.containers(all=True, filters={"name": f"^/{name}$"})
    return [(port["IP"], str(port["PublicPort"])) for one in found for port in one["Ports"] if "PublicPort" in port]
