"""Elasticsearch in a container: what Docker has for it, its start in the background, its end whatever happens."""

from __future__ import annotations

import atexit
import http.client
import json
import logging
import os
import re
import secrets
import signal
import socket
import threading
import urllib.request
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound, TLSParameterError
from pydantic import TypeAdapter, ValidationError
from requests import RequestException
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import get_docker_host

from relevance.engines.elasticsearch.leftovers import Owner, this_process
from relevance.errors import CouldNotRunError, RelevanceError
from relevance.text import one_line, progress_bar, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# the Docker engine

NOBODY = "no Docker engine answers"
_LOOK_S, _WAIT_S = 3.0, 20.0
"""Seconds for an engine that may be there, and for one that was asked for."""
_POLL_S = 0.1
DEFAULT_SOCKET, _RUN = "/var/run/docker.sock", Path("/run")
DOCKER_ERRORS = (DockerException, RequestException, OSError, ValueError)
"""What Docker's client and testcontainers raise where the engine, the way to it or their settings are at fault."""
_LATE = "the Docker engine{} does not answer in time"

_NOT_PULLED = (
    (r"no space left", "the Docker engine's disk is full; make room, e.g. by docker system prune"),
    (r"dial |lookup |timeout|timed out|handshake|EOF|reset|refused|unreachable", "its registry is not reached: {said}"),
    (r"unauthorized|denied|authentication", "its registry has none for this user; check its name, or docker login"),
    (r"manifest unknown|not found|no such|does not exist", "there is no such image; check its name and tag"),
    (r"", "{said}"),
)


class ImageStatus(NamedTuple):
    """What there is to start a container with."""

    answers: bool  # whether a Docker engine does
    problem: str  # why no container can be started without pulling, a few words; "" where one can


def look(image: str, *, seconds: float = _LOOK_S) -> ImageStatus:
    """Ask the Docker engine for an image; it is given so many seconds in all, and nothing is pulled."""
    status = [ImageStatus(answers=False, problem=_LATE.format(_named_engine()))]

    def ask() -> None:
        try:
            with engine(seconds) as client:
                client.images.get(image)
            status.append(ImageStatus(answers=True, problem=""))
        except ImageNotFound:
            status.append(ImageStatus(answers=True, problem=f"the Docker engine has no image {image}"))
        except (CouldNotRunError, *DOCKER_ERRORS) as error:
            status.append(ImageStatus(answers=False, problem=_absence(error)))

    asking = threading.Thread(target=ask, daemon=True)  # an ssh that hangs knows no time-out
    asking.start()
    asking.join(seconds + _POLL_S)
    return status[-1]


def is_missing(image: str) -> bool:
    """Whether an image of which a container was asked for has to be pulled first.

    Raises:
        CouldNotRunError: no Docker engine answers; the line says what to do.
    """
    status = look(image, seconds=_WAIT_S)
    if status.answers:
        return bool(status.problem)
    start = ""
    if status.problem == f"{NOBODY}{_named_engine()}":
        start = "start it or unset DOCKER_HOST, " if os.environ.get("DOCKER_HOST") else "start Docker, "
    raise CouldNotRunError(
        f"elasticsearch: {status.problem}; {start}name a cluster by --es-url, or take --engine embedded"
    )


def pull(image: str, *, progress: bool) -> None:
    """Have the Docker engine pull an image; an interruption gives it up."""
    problem = ""
    totals, done = dict[str, int](), dict[str, int]()  # bytes of layers, as far as the engine has told them
    bar = progress_bar(0, f"pulling {image}", "B", shown=progress)
    try:
        with bar, engine() as client, closing(client.api.pull(image, stream=True, decode=True)) as events:
            for event in events:  # to their end, also behind an error: the connection is free only then
                problem = problem or str(event.get("error") or "")
                layer, detail = str(event.get("id", "")), event.get("progressDetail") or {}
                if event.get("status") == "Downloading" and detail.get("total"):
                    totals[layer], done[layer] = int(detail["total"]), int(detail.get("current", 0))
                elif event.get("status") in ("Download complete", "Pull complete"):
                    done[layer] = totals.setdefault(layer, 0)
                bar.total = sum(totals.values())
                bar.update(sum(done.values()) - bar.n)
            if not problem:
                client.images.get(image)
    except DOCKER_ERRORS as error:
        problem = _explanation(error)
    if problem:
        words = next(words for pattern, words in _NOT_PULLED if re.search(pattern, problem, re.IGNORECASE))
        raise CouldNotRunError(f"{image} could not be pulled: {words.format(said=one_line(problem, 300))}")


@contextmanager
def engine(timeout: float | None = None) -> Iterator[Any]:
    """Docker's client of the engine that testcontainers takes; `timeout` in seconds for each answer, None for its own.

    Raises:
        CouldNotRunError: no engine answers.
    """
    options: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
    if host := get_docker_host():  # testcontainers' own client would write it into the environment, and log in
        options |= {"environment": {**os.environ, "DOCKER_HOST": host}, "use_ssh_client": host.startswith("ssh://")}
    try:
        _knock(host or f"unix://{DEFAULT_SOCKET}", timeout)
        client = docker.from_env(**options)
    except DOCKER_ERRORS as error:
        raise CouldNotRunError(_absence(error)) from None
    with closing(client):
        yield client


def _knock(host: str, timeout: float | None) -> None:
    """Connect to the engine's socket, where it has one here: Docker's client leaves one open where that fails."""
    if host.startswith("unix://") and hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(host.removeprefix("unix://"))


def _named_engine() -> str:
    """The engine's address where something names it, as ` at tcp://host:2375 (DOCKER_HOST)`; else ""."""
    host = get_docker_host()
    origin = " (DOCKER_HOST)" if os.environ.get("DOCKER_HOST") else ""
    return f" at {without_credentials(host)}{origin}" if host else ""


def _absence(error: Exception) -> str:
    """Why no engine is reached."""
    text = str(error)
    if isinstance(error, CouldNotRunError):
        return text
    if isinstance(error, TLSParameterError):
        reason = _explanation(error).partition(". ")[0]
        return f"the files of DOCKER_CERT_PATH are not those of a TLS client ({reason})"
    reasons = {
        "ermission denied": "the Docker engine's socket is closed to this user (permission denied)",
        "timed out": _LATE.format(_named_engine()),
        "paramiko": f"the Docker engine{_named_engine()} is reached by ssh, and the package paramiko is not installed",
    }
    for part, reason in reasons.items():
        if part in text:
            return reason
    own = Path(os.environ.get("XDG_RUNTIME_DIR", _RUN))
    others = {own / "podman/podman.sock": "Podman's", own / "docker.sock": "a Docker of this user's"}
    for path, whose in (others | {_RUN / "podman/podman.sock": "a Podman of root's"}).items():
        if path.is_socket() and not get_docker_host():
            return f"{NOBODY}, but there is {whose} socket: set DOCKER_HOST to unix://{path}"
    return f"{NOBODY}{_named_engine()}"


def _explanation(error: Exception) -> str:
    """What an engine says, or why it says nothing."""
    if isinstance(error, RequestException) and not isinstance(error, DockerException):
        return _absence(error)
    return one_line(str(getattr(error, "explanation", None) or error or type(error).__name__), 200)


# containers of ours, and those of killed runs

LABEL, FAMILY = "relevance.kind", "elasticsearch"
_PREFIX = "relevance."


def labels() -> dict[str, str]:
    """The labels of a container that this process makes."""
    return {LABEL: FAMILY} | {f"{_PREFIX}{name}": str(value) for name, value in vars(this_process()).items()}


def remove_leftovers() -> list[str]:
    """Remove the containers of processes that are gone; one that another session uses stays.

    A process of another machine, or of this one before it was restarted, cannot be looked at: its container goes only
    where it has ended. Gives the names of those that were removed.
    """
    removed = []
    with engine() as client:
        for each in client.api.containers(all=True, filters={"label": f"{LABEL}={FAMILY}"}):
            with suppress(*DOCKER_ERRORS):  # the next start tries again
                if _is_left(each) and _remove(client, each["Id"]):
                    removed.append((each.get("Names") or [each["Id"][:12]])[0].lstrip("/"))
    return sorted(removed)


def _is_left(summary: Mapping[str, Any]) -> bool:
    values = {label.removeprefix(_PREFIX): text for label, text in (summary.get("Labels") or {}).items()}
    try:
        owner = TypeAdapter(Owner).validate_strings(values)
    except ValidationError:
        return False
    return owner.state == "gone" or (owner.state == "elsewhere" and summary.get("State") in ("exited", "dead"))


def _remove(client: Any, container: str) -> bool:
    """Remove a container with its volumes, running or not; False where it is gone already, or just going."""
    try:
        client.api.remove_container(container, v=True, force=True)
    except APIError as error:
        if error.status_code in (http.client.NOT_FOUND, http.client.CONFLICT):  # somebody else is removing it
            return False
        raise
    return True


# the container

PORT = 9200
_WITHIN_S = 180.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NOT_STARTED = "the Elasticsearch container could not be started: {}"
_SETTINGS = {
    "discovery.type": "single-node",
    "http.host": "0.0.0.0",  # noqa: S104 - inside of the container
    "transport.host": "127.0.0.1",
    "cluster.routing.allocation.disk.threshold_enabled": "false",  # a laptop's full disk is no reason to refuse
    "xpack.security.enabled": "false",
    "xpack.ml.enabled": "false",
}


class Container:
    """A single node, reached from this machine only (see `publish` for where that cannot be); nothing is pulled."""

    def __init__(self, image: str, *, memory: str) -> None:
        self._image, self._memory = image, memory
        self.name = f"relevance-{secrets.token_hex(4)}"
        self.notes: list[str] = []
        self.start_s: float | None = None  # seconds from `begin` until the server was ready
        self.url = ""
        self._container: DockerContainer | None = None
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._stopping, self._started = threading.Event(), Future[None]()
        self._began_s = 0.0

    def begin(self) -> None:
        """Start it in the background, and remove what killed runs left; `close` ends that too."""
        self._began_s = monotonic()
        atexit.register(self.close)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the cluster is yellow; where it does not come up, the error's details are the end of the log."""
        while not wait([self._started], timeout=_POLL_S).done:  # in small steps: an interruption is heard between them
            pass
        try:
            self._started.result()
        except RelevanceError:
            raise
        except Exception as error:
            raise CouldNotRunError(_NOT_STARTED.format(_explanation(error))) from error

    def ended(self) -> CouldNotRunError | None:
        """How it has ended although nobody has closed it, with the end of its log; None where it has not."""
        if self._container is not None and self.start_s is not None:
            with suppress(*DOCKER_ERRORS):
                if ending := ending_of(self._container):
                    return self._not_up(self._container, ending)
        return None

    def close(self) -> str | None:
        """Give up the start where it is still going on, and remove the container; twice does no harm.

        Signals that ask to end are held off until that is done. A line says where the container is still there.
        """
        with _undisturbed():
            self._stopping.set()
            if self._thread.ident is not None:
                self._thread.join()
            atexit.unregister(self.close)
            container, self._container = self._container, None
            if container is None:
                return None
            with closing(container.get_docker_client().client) as client:
                try:
                    _remove(client, self.name)
                except DOCKER_ERRORS as error:
                    still = f"the container {self.name} was not removed ({_explanation(error)})"
                    return f"{still}; to remove it: docker rm -f -v {self.name}"
        return None

    def _run(self) -> None:
        try:
            if problem := look(self._image, seconds=_WAIT_S).problem:
                raise CouldNotRunError(_NOT_STARTED.format(problem))  # noqa: TRY301 - `wait` raises it
            self.notes += [f"removed {name}, a container that a killed run had left" for name in remove_leftovers()]
            self._container = container = self._new()
            self.notes += filter(None, [publish(container)])
            if not self._stopping.is_set():
                container.start()
            self.url = self._ready_url(container)
            self.start_s = monotonic() - self._began_s
            self._started.set_result(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, `wait` raises it
            self._started.set_exception(error)

    def _new(self) -> DockerContainer:
        """Without a wait strategy: testcontainers' are not interrupted, nor end with a container, and take a proxy."""
        logging.getLogger("testcontainers").setLevel(logging.ERROR)
        testcontainers_config.ryuk_disabled = True  # its image would be pulled; what is left behind is found by label
        testcontainers_config._docker_auth_config = None  # noqa: SLF001 - it would log in, and nothing is pulled
        environ = _SETTINGS | {"ES_JAVA_OPTS": f"-Xms{self._memory} -Xmx{self._memory}"}
        container = DockerContainer(self._image, env=environ, name=self.name, ports=[PORT], labels=labels())
        container.image = self._image  # that was looked for: without a prefix of testcontainers' settings
        return container

    def _ready_url(self, container: DockerContainer) -> str:
        while not self._stopping.wait(_POLL_S):
            if ending := ending_of(container):
                raise self._not_up(container, f"{ending} before it was ready")
            if (url := _address(container)) and _is_ready(url):
                return url
            if monotonic() - self._began_s > _WITHIN_S:
                raise self._not_up(container, f"was not ready within {_WITHIN_S:.0f} s")
        raise CouldNotRunError("the Elasticsearch container was closed before it was ready")

    def _not_up(self, container: DockerContainer, what: str) -> CouldNotRunError:
        lines = log_lines(container)
        reason = reason_in(lines) or "its log names no error"
        line = f"the Elasticsearch container {what}: {reason} ({self._image}, --es-memory {self._memory})"
        end = ["the end of the container's log:", *(f"  {line}" for line in lines[-_END_LINES:])] if lines else []
        return CouldNotRunError(line, details=end)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nothing interrupt what removes the container; only the main thread hears signals."""
    signals = _SIGNALS if threading.current_thread() is threading.main_thread() else ()
    handlers = {one: signal.signal(one, signal.SIG_IGN) for one in signals if signal.getsignal(one) is not None}
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)


# where it is reached


def publish(container: DockerContainer) -> str:
    """Have the port published on the loopback address only, where that can be.

    Where the Docker engine runs on another machine (DOCKER_HOST), or where this process is itself in a container and
    reaches the engine's machine by its gateway, loopback there is not loopback here, and the port is published on all
    addresses of that machine: that is the line that is given.
    """
    client = container.get_docker_client()
    mode, host = client.get_connection_mode(), client.host()
    if mode == ConnectionMode.gateway_ip:
        # where the engine runs inside the container in which we are, its gateway is an address of our own
        try:
            network = client.client.networks.get("bridge").attrs["IPAM"]["Config"][0]
            host = str(network.get("Gateway") or ip_network(network["Subnet"])[1])  # unsaid where it is the first
        except (*DOCKER_ERRORS, LookupError, TypeError):  # Podman has none of that name
            host = ""
    if mode == ConnectionMode.bridge_ip or _is_here(host):
        ports: dict[str, Any] = container.ports
        ports[str(PORT)] = ("127.0.0.1",)
        return ""
    where = host or "the gateway"
    return f"the container is reached by way of {where}: its port, without a password, is open to that network"


def _is_here(host: str) -> bool:
    """Whether an address is one of this machine's own: only then it can be bound."""
    if not host:
        return False
    try:
        family, kind, *_, where = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as ours:
            ours.bind(where)
    except OSError:
        return False
    return True


def _address(container: DockerContainer) -> str:
    """The server's URL; "" where its port is not published: not yet, or no longer."""
    host = container.get_container_host_ip()
    host = "127.0.0.1" if _is_here(host) else host
    try:
        port = container.get_exposed_port(PORT)
    except (ConnectionError, TimeoutError):  # the built-in ones, as testcontainers says it
        return ""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _is_ready(url: str) -> bool:
    """Whether the cluster is yellow or green; by the standard library, which logs nothing."""
    try:
        with _DIRECT.open(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=3) as answer:
            return json.loads(answer.read(1 << 16))["status"] in ("yellow", "green")
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return False


# how it ended

_END_LINES, _READ_LINES = 15, 200
_KILLED = 137
_NOTHING_NEW = re.compile(r"\bat [\w.$/@]+\(|\.\.\. \d+ more|report file|did not exit normally|died while starting")
_TROUBLE = re.compile(
    r"exception|error|fatal|caused by|could not|cannot|failed|insufficient|invalid|no space", re.IGNORECASE
)


def ending_of(container: DockerContainer) -> str:
    """How a container has ended, in words; "" where it has not."""
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


def log_lines(container: DockerContainer) -> list[str]:
    """The last lines that the container has written; none where the Docker engine fails."""
    try:
        written = container.get_wrapped_container().logs(tail=_READ_LINES)
    except DOCKER_ERRORS:
        return []
    return [_message(line) for line in written.decode("utf-8", "replace").splitlines() if line.strip()]


def _message(line: str) -> str:
    """The text of a line of the log; the published image writes JSON."""
    try:
        entry = json.loads(line)
        parts = entry.get("log.level"), entry["message"], entry.get("error.message")
    except (ValueError, LookupError, AttributeError, TypeError):
        return one_line(line, 300)
    return one_line(" ".join(str(part) for part in parts if part), 300)


def reason_in(lines: Sequence[str]) -> str:
    """The last line that tells of trouble, frames of a stack and closing words passed over; "" where there is none."""
    reasons = (line for line in reversed(lines) if _TROUBLE.search(line) and not _NOTHING_NEW.search(line))
    return one_line(next(reasons, "").lstrip("# "), 200)
