"""Elasticsearch in a container of ours: started in the background, removed whatever happens."""

from __future__ import annotations

import atexit
import http.client
import json
import logging
import re
import secrets
import signal
import socket
import threading
from contextlib import contextmanager
from ipaddress import ip_network
from time import monotonic
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from relevance.engines.elasticsearch.docker import (
    check_image,
    docker_errors,
    explanation,
    labels,
    look,
    probe,
    remove,
    remove_leftovers,
)
from relevance.engines.elasticsearch.failures import one_line
from relevance.errors import CouldNotRunError, InputError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from testcontainers.community.elasticsearch import ElasticSearchContainer
    from testcontainers.core.docker_client import DockerClient
    from testcontainers.core.waiting_utils import WaitStrategy

_POLL_S = 0.1
_WITHIN_S = 180.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Container:
    """A single node, reached from this machine only (see `publish` for where that cannot be).

    Args:
        image: has to lie with the Docker engine; nothing is pulled.
        memory: heap of the server, as Java writes it: `1g`, `512m`.
        within_s: seconds until a start is given up.

    Attributes:
        name: of the container.
        notes: what people should know, a line each.
        url: of the server, once `wait` has returned.
        start_s: seconds from `begin` until the server was ready; None: it is not.

    Raises:
        InputError: `image` or `memory` is not allowed.
    """

    def __init__(self, image: str, *, memory: str, within_s: float = _WITHIN_S) -> None:
        check_image(image)
        self._image, self._memory, self._within_s = image, check_memory(memory), within_s
        self.name = f"relevance-{secrets.token_hex(4)}"
        self.notes: list[str] = []
        self._container: ElasticSearchContainer | None = None
        self._thread: threading.Thread | None = None
        self._stopping, self._settled = threading.Event(), threading.Event()
        self._failure: Exception | None = None
        self._began_s = 0.0
        self.start_s: float | None = None
        self.url = ""

    def begin(self) -> None:
        """Start it in the background, and remove what killed runs left; `close` ends that too."""
        self._began_s = monotonic()
        self._thread = threading.Thread(target=self._run, name=self.name)
        atexit.register(self.close)
        try:
            self._thread.start()
        except BaseException:
            self.close()
            raise

    def wait(self) -> None:
        """Wait until the cluster is yellow.

        Raises:
            CouldNotRunError: it does not come up; its details are the end of the container's log.
            ValueError: `begin` was not called.
        """
        if self._thread is None:
            raise ValueError("begin comes first")
        while not self._settled.wait(_POLL_S):  # in small steps: an interruption is heard between them
            pass
        if isinstance(self._failure, RelevanceError):
            raise self._failure
        if self._failure is not None:
            raise _not_started(explanation(self._failure)) from self._failure

    def ended(self) -> CouldNotRunError | None:
        """How it has ended although nobody has closed it, with the end of its log; None where it has not."""
        container = self._container
        if container is None or self.start_s is None:
            return None
        try:
            ending = "" if probe(_POLL_S) else ending_of(container)
        except docker_errors():
            return None
        return self._not_up(container, ending) if ending else None

    def close(self) -> str | None:
        """Give up the start where it is still going on, and remove the container; twice does no harm.

        Signals that ask to end are held off until that is done.

        Returns:
            None, or a line that says that the container is still there and how to remove it.
        """
        with _undisturbed():
            self._stopping.set()
            if self._thread is not None and self._thread.ident is not None:
                self._thread.join()
            note = self._remove()
            atexit.unregister(self.close)
        return note

    def _remove(self) -> str | None:
        if self._container is None:
            return None
        client = self._container.get_docker_client().client
        problem = probe(_POLL_S)
        try:
            if not problem:
                remove(client, self.name)
        except docker_errors() as error:
            problem = explanation(error)
        finally:
            client.close()
            self._container = None
        if problem:
            return f"the container {self.name} was not removed ({problem}); to remove it: docker rm -f -v {self.name}"
        return None

    def _run(self) -> None:
        try:
            self._start()
            self.start_s = monotonic() - self._began_s
        except Exception as error:  # noqa: BLE001 - whatever it is, `wait` raises it
            self._failure = error
        finally:
            self._settled.set()

    def _start(self) -> None:
        image = look(self._image)
        if not image.has_image:
            raise _not_started(image.problem)
        self._container = _new_container(self._image, memory=self._memory, name=self.name)
        left = remove_leftovers(self._container.get_docker_client().client)
        self.notes += [f"removed {name}, a container that a killed run had left" for name in left]
        self.notes += filter(None, [publish(self._container)])
        if not self._stopping.is_set():
            self._container.start()
        self._until_ready(self._container)

    def _until_ready(self, container: ElasticSearchContainer) -> None:
        url = ""
        while not self._stopping.wait(_POLL_S) and threading.main_thread().is_alive():
            problem = probe(None)
            if problem:
                raise _not_started(problem)
            ending = ending_of(container)
            if ending:
                raise self._not_up(container, f"{ending} before it was ready")
            url = url or _address(container)
            if url and _is_ready(url):
                self.url = url
                return
            if monotonic() - self._began_s > self._within_s:
                raise self._not_up(container, f"was not ready within {self._within_s:.0f} s")
        raise CouldNotRunError("the Elasticsearch container was closed before it was ready")

    def _not_up(self, container: ElasticSearchContainer, what: str) -> CouldNotRunError:
        lines = log_lines(container)
        reason = reason_in(lines) or "its log names no error"
        line = f"the Elasticsearch container {what}: {reason} ({self._image}, --es-memory {self._memory})"
        end = ["the end of the container's log:", *(f"  {line}" for line in lines[-_END_LINES:])] if lines else []
        return CouldNotRunError(line, details=end)


def _not_started(problem: str) -> CouldNotRunError:
    return CouldNotRunError(f"the Elasticsearch container could not be started: {problem}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nothing interrupt what removes the container; only the main thread hears signals."""
    handlers = {one: signal.getsignal(one) for one in _SIGNALS}
    if threading.current_thread() is not threading.main_thread() or None in handlers.values():
        yield
        return
    for one in handlers:
        signal.signal(one, signal.SIG_IGN)
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)


# how it is made, where it is reached, and why one did not come up

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
        pass


def check_memory(memory: str) -> str:
    """A heap's size as Java takes it: `1g`, `512m`.

    Raises:
        InputError: it is something else, or less than the server starts with.
    """
    size = re.fullmatch(r"([0-9]+)([mg])", memory.strip().lower(), re.ASCII)
    if size is None or int(size[1]) * (1024 if size[2] == "g" else 1) < _LEAST_MB:
        raise InputError(f"--es-memory {one_line(memory, 40)!r}; allowed: a number and m or g, at least {_LEAST_MB}m")
    return size[0]


def _new_container(image: str, *, memory: str, name: str) -> ElasticSearchContainer:
    """A container that can be started: a single node without security, watermarks and machine learning.

    Its image lies with the engine already; testcontainers would pull it without a word.
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


def _address(container: ElasticSearchContainer) -> str:
    """The server's URL; "" where its port is not published: not yet, or no longer."""
    host, port = container.get_container_host_ip(), PORT
    client = container.get_docker_client()
    if client.get_connection_mode().use_mapped_port:
        try:
            port = int(client.port(container.get_container_id(), PORT))
        except ConnectionError:  # the built-in one, as testcontainers says it
            return ""
    host = "127.0.0.1" if _is_here(host) else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_ready(url: str) -> bool:
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


def ending_of(container: ElasticSearchContainer) -> str:
    """How a container has ended, in words; "" where it has not."""
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
