"""The containers of one test, running or not, asked of the Docker engine; those of other tests have other labels."""

from contextlib import closing
from typing import Any

import docker
from testcontainers.core.container import DockerContainer

from faults.node import JAVA
from relevance.engines.elasticsearch.container import LABEL

START = DockerContainer.start


def quick_start(self: DockerContainer) -> DockerContainer:
    """With Java's quick compiler, as in other nodes of tests."""
    return START(self.with_env("_JAVA_OPTIONS", JAVA))


def containers(family: str) -> list[str]:
    return sorted(one["Names"][0].lstrip("/") for one in _listed(family))


def addresses(family: str) -> set[str]:
    """On which of this machine's addresses they answer."""
    return {port["IP"] for one in _listed(family) for port in one["Ports"] if "PublicPort" in port}


def _listed(family: str) -> list[dict[str, Any]]:
    with closing(docker.from_env()) as client:
        return list(client.api.containers(all=True, filters={"label": f"{LABEL}={family}"}))
