"""A container of Elasticsearch: how it is made, where it is reached, and why one did not come up."""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from relevance.engines.elasticsearch.docker import docker_errors
from relevance.engines.elasticsearch.failures import one_line
from relevance.engines.elasticsearch.labels import labels
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testcontainers.community.elasticsearch import ElasticSearchContainer
    from testcontainers.core.docker_client import DockerClient
    from testcontainers.core.waiting_utils import WaitStrategy

__all__ = [
    "PORT",
    "address",
    "check_memory",
    "end_of",
    "ended",
    "is_ready",
    "log_lines",
    "made",
    "publish",
    "reason_in",
]

PORT = 9200
_LEAST_MB = 128
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_HEALTH = "/_cluster/health?wait_for_status=yellow&timeout=1s"
_ANSWER_S, _ANSWER_BYTES = 3.0, 1 << 16

_END_LINES, _READ_LINES = 15, 200
_KILLED = 137
_NOTHING_NEW = re.compile(r"\bat [\w.$/@]+\(|\.\.\. \d+ more|report file|did not exit normally|died while starting")
_TROUBLE = re.compile(
    r"exception|error|fatal|caused by|could not|cannot|failed|insufficient|invalid|no space", re.IGNORECASE
)


class _NoWait:
    """In place of testcontainers' way of waiting, which neither is interrupted nor sees that a container has ended."""

    def wait_until_ready(self, container: object) -> None:
        """Go on at once."""


def check_memory(memory: str) -> str:
    """A heap's size as Java takes it: `1g`, `512m`.

    Raises:
        InputError: it is something else, or less than the server starts with.
    """
    found = re.fullmatch(r"([0-9]+)([mg])", memory.strip().lower(), re.ASCII)
    if found is None or int(found[1]) * (1024 if found[2] == "g" else 1) < _LEAST_MB:
        raise InputError(f"--es-memory {one_line(memory, 40)!r}; allowed: a number and m or g, at least {_LEAST_MB}m")
    return found[0]


def made(image: str, *, memory: str, name: str) -> ElasticSearchContainer:
    """A container that can be started: a single node without security, watermarks and machine learning.

    Args:
        image: lies with the engine already; testcontainers would pull it without a word.
        memory: see `check_memory`.
        name: of the container.

    Raises:
        docker_errors(): the Docker engine fails.
    """
    from testcontainers.community.elasticsearch import (  # noqa: PLC0415 - loaded where it is used
        ElasticSearchContainer,
    )
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - the same

    logging.getLogger("testcontainers").setLevel(logging.ERROR)
    testcontainers_config.ryuk_disabled = True  # its image would be pulled; what is left behind is found by label
    testcontainers_config._docker_auth_config = None  # noqa: SLF001 - it would log in at a registry; nothing is pulled
    # the image is set afterwards: from its name testcontainers guesses a release, and refuses what it does not know
    container = ElasticSearchContainer("elasticsearch:8.19.5", PORT)
    container.image = image
    container.waiting_for(cast("WaitStrategy", _NoWait()))
    container.with_name(name).with_kwargs(labels=labels())
    container.env |= {
        "discovery.type": "single-node",
        "cluster.routing.allocation.disk.threshold_enabled": "false",  # a laptop's full disk is no reason to refuse
        "xpack.security.enabled": "false",
        "xpack.ml.enabled": "false",
        "ES_JAVA_OPTS": f"-Xms{memory} -Xmx{memory}",
    }
    return container


def publish(container: ElasticSearchContainer) -> str:
    """Have the port published on the loopback address only, where that can be.

    Where the Docker engine runs on another machine (DOCKER_HOST), or where this process is itself in a container and
    reaches the engine's machine by its gateway, loopback there is not loopback here, and the port is published on all
    addresses of that machine.

    Returns:
        "", or the line that says so.

    Raises:
        docker_errors(): the Docker engine fails.
    """
    from testcontainers.core.config import ConnectionMode  # noqa: PLC0415 - loaded where it is used

    client = container.get_docker_client()
    mode = client.get_connection_mode()
    host = _gateway(client) if mode == ConnectionMode.gateway_ip else client.host()
    if mode == ConnectionMode.bridge_ip or _is_here(host):
        ports: dict[str, Any] = container.ports
        ports[str(PORT)] = ("127.0.0.1",)
        return ""
    where = host or "the gateway"
    return f"the container is reached by way of {where}: its port, without a password, is open to that network"


def _gateway(client: DockerClient) -> str:
    """The address by which containers reach the engine's machine ("": not known).

    Where the engine runs inside the container in which we are, that is an address of our own.
    """
    try:
        found = client.client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    except docker_errors():  # Podman has no such network
        return ""
    except (LookupError, TypeError):
        return ""
    return str(found.get("Gateway") or ip_network(found["Subnet"])[1])  # left unsaid where it is the first address


def _is_here(host: str) -> bool:
    """Whether an address is one of this machine's own: only then it can be bound."""
    if host in _LOCAL or not host:
        return bool(host)
    try:
        family, kind, *_, where = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as ours:
            ours.bind(where)
    except OSError:
        return False
    return True


def address(container: ElasticSearchContainer) -> str:
    """The server's URL; "" where its port is not published: not yet, or no longer.

    Raises:
        docker_errors(): the Docker engine fails.
    """
    host, port = container.get_container_host_ip(), PORT
    client = container.get_docker_client()
    if client.get_connection_mode().use_mapped_port:
        try:
            port = int(client.port(container.get_container_id(), PORT))
        except ConnectionError:  # the built-in one, as testcontainers says it
            return ""
    host = "127.0.0.1" if _is_here(host) else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_ready(url: str) -> bool:
    """Whether the cluster is yellow or green; by the standard library, which logs nothing and knows no proxies."""
    from relevance.engines.elasticsearch.client import TimedResponse  # noqa: PLC0415 - it loads the client

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ANSWER_S)
    connection.response_class = TimedResponse
    try:
        connection.request("GET", _HEALTH)
        found = json.loads(connection.getresponse().read(_ANSWER_BYTES))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(found, dict) and found.get("status") in ("yellow", "green")


def ended(container: ElasticSearchContainer) -> str:
    """How a container has ended, in words; "" where it has not.

    Raises:
        docker_errors(): the Docker engine fails.
    """
    from docker.errors import NotFound  # noqa: PLC0415 - Docker's client is loaded where it is used

    wrapped = container.get_wrapped_container()
    try:
        wrapped.reload()
    except NotFound:
        return "was removed by somebody else"
    state = wrapped.attrs["State"]
    if state["Status"] in ("created", "running", "restarting", "paused"):
        return ""
    if state.get("OOMKilled") or state["ExitCode"] == _KILLED:
        return "was killed, as happens where memory runs out"
    return f"ended with exit code {state['ExitCode']}"


def log_lines(container: ElasticSearchContainer) -> list[str]:
    """The last lines that the container has written; none where the Docker engine fails."""
    try:
        written = container.get_wrapped_container().logs(tail=_READ_LINES)
    except docker_errors():
        return []
    return [_message(line) for line in written.decode("utf-8", "replace").splitlines() if line.strip()]


def end_of(lines: Sequence[str]) -> list[str]:
    """The end of a log, to be shown below an error; nothing where there is none."""
    return ["the end of the container's log:", *(f"  {line}" for line in lines[-_END_LINES:])] if lines else []


def reason_in(lines: Sequence[str]) -> str:
    """The last line that tells of trouble, frames of a stack and closing words passed over; "" where there is none."""
    found = (line for line in reversed(lines) if _TROUBLE.search(line) and not _NOTHING_NEW.search(line))
    return one_line(next(found, "").lstrip("# "), 200)


def _message(line: str) -> str:
    """The text of a line of the log; the published image writes JSON."""
    try:
        found = json.loads(line)
    except ValueError:
        return one_line(line)
    if not isinstance(found, dict) or "message" not in found:
        return one_line(line)
    told = (found.get("log.level", ""), found["message"], found.get("error.message", ""))
    return one_line(" ".join(str(part) for part in told if part))
