"""The Docker engine and the container, with fakes of Docker's client and sockets that do not answer."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import APIError, ImageNotFound, NotFound
from testcontainers.core.config import ConnectionMode

from relevance.engines.elasticsearch import container as starting
from relevance.engines.elasticsearch.container import (
    NOBODY,
    Container,
    check_image,
    labels,
    look,
    pull,
    remove_leftovers,
)
from relevance.engines.elasticsearch.leftovers import Owner, this_process
from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Docker engine that is not there."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")


@pytest.mark.parametrize("memory", ["", "1", "g", "127m", "0g", "1.5g", "-1g", "1gb", "1g -XX:+Foo", "1k", "१g"])
def test_a_heap_is_a_number_and_a_unit(memory: str) -> None:
    """Sizes are taken as Java writes them; anything else, and too little, is bad input before anything is started."""
    assert [starting.check_memory(size) for size in ("128m", "1G", " 2g ")] == ["128m", "1g", "2g"]
    with pytest.raises(InputError, match=r"--es-memory .*; allowed: a number and m or g, at least 128m$"):
        Container(DEFAULT_IMAGE, memory=memory)


@pytest.mark.parametrize(
    "image",
    [
        DEFAULT_IMAGE,
        "elasticsearch",
        "elasticsearch:9.5.2",
        "localhost:5000/search/elasticsearch:8",
        "REGISTRY.example.com/a__b/c-d:Tag_1",
        f"elasticsearch:8.19.5@sha256:{'0a' * 32}",
        "6856499da321",
    ],
)
def test_names_of_images_are_taken(image: str) -> None:
    """With and without registry, port, tag and digest."""
    check_image(image)


@pytest.mark.parametrize(
    "image", ["", "Elastic Search", "elasticsearch:", "Elasticsearch", "a//b", "a:b:c", "a\n", "-a"]
)
def test_other_names_are_bad_input(image: str) -> None:
    """What cannot be an image is refused by every way in, without asking the engine."""
    for call in (look, lambda name: pull(name, progress=False), lambda name: Container(name, memory="1g")):
        with pytest.raises(InputError, match=r"--es-image .* is no name of an image; allowed: "):
            call(image)


def _listening(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


@pytest.mark.parametrize("host", ["unix:///nonexistent", "bogus://x", "tcp://127.0.0.1:1", "tcp://127.0.0.1:notaport"])
def test_an_absent_engine_is_found_absent(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a DOCKER_HOST leads nowhere nobody answers; nothing is raised, and no socket is left open."""
    monkeypatch.setenv("DOCKER_HOST", host)
    found = look(DEFAULT_IMAGE)
    gc.collect()  # a socket that was left open warns here
    assert (found.answers, found.problem) == (False, NOBODY)


def test_an_engine_that_died_is_found_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that nobody listens on is no engine; Docker's client alone would leave its own socket open."""
    _listening(tmp_path / "socket").close()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'socket'}")
    found = look(DEFAULT_IMAGE)
    gc.collect()
    assert (found.answers, found.problem) == (False, NOBODY)


def test_an_engine_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that takes the connection and says nothing is absent, and said to be so, after the time-out."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'socket'}")
    with _listening(tmp_path / "socket"):
        found = look(DEFAULT_IMAGE, seconds=0.1)
    assert (found.answers, found.problem) == (False, "the Docker engine does not answer in time")


def test_reasons_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed socket, ssh and TLS without what they need, Podman's socket: none of them asks to start Docker."""
    assert "permission denied" in starting._not_there(PermissionError(13, "Permission denied"))
    monkeypatch.setattr(starting, "DEFAULT_SOCKET", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "podman").mkdir()
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert look(DEFAULT_IMAGE).problem == NOBODY
    with _listening(tmp_path / "podman" / "podman.sock"):
        assert look(DEFAULT_IMAGE).problem.endswith(f"set DOCKER_HOST to unix://{tmp_path}/podman/podman.sock")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    assert look(DEFAULT_IMAGE).problem.startswith("the files of DOCKER_CERT_PATH are not those of a TLS client (")
    monkeypatch.delenv("DOCKER_TLS_VERIFY")
    monkeypatch.delenv("DOCKER_CERT_PATH")
    monkeypatch.setenv("DOCKER_HOST", "ssh://nobody@127.0.0.1")
    monkeypatch.setitem(sys.modules, "docker.transport.sshconn", None)
    monkeypatch.delattr("docker.api.client.SSHHTTPAdapter", raising=False)
    assert "the package paramiko is not installed" in look(DEFAULT_IMAGE).problem


def test_a_way_to_an_engine_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh that says nothing has no time-out of its own."""
    end = threading.Event()

    def hang(**_: Any) -> None:
        end.wait(20)
        raise OSError

    monkeypatch.setattr("docker.from_env", hang)
    monkeypatch.setattr(starting, "probe", lambda _: "")
    try:
        assert look(DEFAULT_IMAGE, seconds=0.1).problem == "the Docker engine does not answer in time"
    finally:
        end.set()


def test_pulling_needs_an_engine(no_engine: None) -> None:  # noqa: ARG001 - its effect
    """Without an engine nothing is pulled: one line."""
    with pytest.raises(CouldNotRunError, match=r"^no Docker engine answers$"):
        pull(DEFAULT_IMAGE, progress=False)


def test_starting_needs_an_engine(no_engine: None) -> None:  # noqa: ARG001 - its effect
    """What goes wrong in the background is raised where it is waited for, and closing does no harm."""
    container = Container(DEFAULT_IMAGE, memory="1g")
    container.begin()
    with pytest.raises(CouldNotRunError, match=r"container could not be started: no Docker engine answers$"):
        container.wait()
    assert (container.close(), container.close(), container.start_s) == (None, None, None)
    assert container.name not in {thread.name for thread in threading.enumerate()}


class _Api:
    """Docker's low-level client: containers, and an engine that pulls by telling events."""

    def __init__(
        self, containers: list[dict[str, Any]] | None = None, events: list[dict[str, Any]] | None = None
    ) -> None:
        self.found, self.events = containers or [], events or []
        self.removed: list[str] = []
        self.refusals: dict[str, Exception] = {}

    def containers(self, *, all: bool, filters: dict[str, str]) -> list[dict[str, Any]]:  # noqa: A002 - Docker's name
        name, _, value = filters["label"].partition("=")
        assert all
        return [one for one in self.found if one["Labels"].get(name) == value]

    def remove_container(self, container: str, *, v: bool, force: bool) -> None:
        assert v
        assert force
        if container in self.refusals:
            raise self.refusals[container]
        self.removed.append(container)

    def pull(self, _: str, *, stream: bool, decode: bool) -> Iterator[dict[str, Any]]:
        assert stream
        assert decode
        return (event for event in self.events)


def _client(api: _Api) -> Any:
    return SimpleNamespace(api=api)


def _summary(name: str, owner: Owner, state: str = "running") -> dict[str, Any]:
    written = {
        "relevance.kind": "elasticsearch",
        "relevance.owner": owner.host,
        "relevance.place": owner.place,
        "relevance.pid": str(owner.pid),
        "relevance.started": owner.started,
    }
    return {"Id": name, "Names": [f"/{name}"], "Labels": written, "State": state}


def _dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_labels_say_whose_a_container_is() -> None:
    """A process recognises its own container, and nobody takes it for a leftover."""
    api = _Api([{"Id": "mine", "Names": ["/mine"], "Labels": labels(), "State": "running"}])
    assert labels()["relevance.pid"] == str(os.getpid())
    assert remove_leftovers(_client(api)) == []
    assert api.removed == []


def test_only_what_nobody_uses_is_removed() -> None:
    """Removed: containers of dead processes and of numbers that are used again, and ended ones of another machine."""
    mine = this_process()
    elsewhere = replace(mine, place="another machine")
    api = _Api(
        [
            _summary("mine", mine),
            _summary("mine-ended", mine, "exited"),
            _summary("dead", replace(mine, pid=_dead_process())),
            _summary("reused", replace(mine, started="1")),
            _summary("elsewhere", elsewhere),
            _summary("elsewhere-created", elsewhere, "created"),
            _summary("elsewhere-ended", elsewhere, "exited"),
            {"Id": "foreign", "Names": ["/foreign"], "Labels": {}, "State": "exited"},
            {"Id": "bare", "Names": ["/bare"], "Labels": {"relevance.kind": "elasticsearch"}, "State": "running"},
        ]
    )
    assert remove_leftovers(_client(api)) == ["dead", "elsewhere-ended", "reused"]
    assert sorted(api.removed) == ["dead", "elsewhere-ended", "reused"]


def test_a_leftover_that_others_remove_is_no_error() -> None:
    """Two sessions that start at once both find it: who comes second goes on, and does not claim it."""
    owner = replace(this_process(), pid=_dead_process())
    api = _Api([_summary(name, owner) for name in ("gone", "going", "stuck", "dead")])
    api.refusals = {
        "gone": NotFound("gone"),
        "going": APIError("going", response=SimpleNamespace(status_code=409)),
        "stuck": APIError("stuck", response=SimpleNamespace(status_code=500, url="", reason="")),
    }
    assert remove_leftovers(_client(api)) == ["dead"]


def _pulled(monkeypatch: pytest.MonkeyPatch, events: list[dict[str, Any]], *, there: bool) -> None:
    def get(_: str) -> None:
        if not there:
            raise ImageNotFound("no")

    client = SimpleNamespace(api=_Api(events=events), images=SimpleNamespace(get=get), close=lambda: None)
    monkeypatch.setattr("docker.from_env", lambda **_: client)
    monkeypatch.setattr(starting, "probe", lambda _: "")
    pull("a/b:1", progress=True)


def test_pulling_shows_the_bytes_of_all_layers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bar sums up the layers as the engine tells of them, and ends full."""

    def event(layer: str, status: str, current: int = 0) -> dict[str, Any]:
        return {"id": layer, "status": status, "progressDetail": {"current": current, "total": 1000} if current else {}}

    events = [
        {"status": "Pulling from a/b", "id": "1"},
        event("x", "Downloading", 100),
        event("y", "Downloading", 900),
        event("x", "Download complete"),
        event("x", "Extracting", 500),
        event("y", "Pull complete"),
        event("z", "Already exists"),
    ]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _pulled(monkeypatch, events, there=True)
    shown = capsys.readouterr().err
    assert "pulling a/b:1: 100%" in shown
    assert "2.00k/2.00k" in shown


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("write /x: no space left on device", "the Docker engine's disk is full; make room"),
        ("manifest for a/b:1 not found: manifest unknown", "there is no such image; check its name and tag"),
        (
            "pull access denied for a/b, repository does not exist or may require 'docker login'",
            "its registry has none for this user; check its name, or docker login",
        ),
        (
            "dial tcp: lookup registry: no such host",
            "its registry is not reached: dial tcp: lookup registry: no such host",
        ),
        ("something\nnew", "something new"),
    ],
)
def test_a_failed_pull_says_what_to_do(said: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the engine says in the midst of pulling becomes one line."""
    with pytest.raises(CouldNotRunError) as error:
        _pulled(monkeypatch, [{"status": "Pulling", "id": "1"}, {"error": said}, {"status": "late"}], there=True)
    assert str(error.value).startswith(f"a/b:1 could not be pulled: {told}")
    assert "\n" not in str(error.value)


def test_a_pull_that_ends_without_the_image_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that says nothing of a failure is not believed."""
    with pytest.raises(CouldNotRunError, match="could not be pulled: the engine has it not"):
        _pulled(monkeypatch, [], there=False)


class _Made:
    """A container of testcontainers', as far as publishing goes."""

    def __init__(self, mode: ConnectionMode, host: str, gateway: dict[str, str] | None = None) -> None:
        network = SimpleNamespace(attrs={"IPAM": {"Config": [gateway] if gateway else None}})
        networks = SimpleNamespace(get=lambda _: network)
        self.ports: dict[str, Any] = {"9200": None}
        self.client = SimpleNamespace(
            get_connection_mode=lambda: mode, host=lambda: host, client=SimpleNamespace(networks=networks)
        )

    def get_docker_client(self) -> Any:
        return self.client


@pytest.mark.parametrize(
    "made",
    [
        _Made(ConnectionMode.docker_host, "localhost"),
        _Made(ConnectionMode.docker_host, "127.0.0.1"),
        _Made(ConnectionMode.bridge_ip, "localhost"),
        _Made(ConnectionMode.gateway_ip, "localhost", {"Subnet": "127.0.0.0/8"}),
        _Made(ConnectionMode.gateway_ip, "localhost", {"Gateway": "127.0.0.2", "Subnet": "172.17.0.0/16"}),
    ],
)
def test_a_port_is_published_on_loopback(made: Any) -> None:
    """Wherever loopback of the engine's machine is loopback here, nobody else reaches the server."""
    assert starting.publish(made) == ""
    assert made.ports == {"9200": ("127.0.0.1",)}


@pytest.mark.parametrize(
    ("made", "where"),
    [
        (_Made(ConnectionMode.docker_host, "192.0.2.1"), "192.0.2.1"),
        (_Made(ConnectionMode.gateway_ip, "localhost", {"Subnet": "192.0.2.0/24"}), "192.0.2.1"),
        (_Made(ConnectionMode.gateway_ip, "localhost"), "the gateway"),
    ],
)
def test_a_port_elsewhere_is_published_so_that_it_is_reached(made: Any, where: str) -> None:
    """Where the engine is on another machine, the port is open there, and that is said."""
    assert starting.publish(made).startswith(
        f"the container is reached by way of {where}: its port, without a password"
    )
    assert made.ports == {"9200": None}


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (["all is well"], ""),
        (
            ["Exception in thread main: bad setting", "Caused by: no node.id", "\tat a.b.C.d(C.java:1)", "... 12 more"],
            "Caused by: no node.id",
        ),
        (
            ["# mmap failed to map 12 bytes", "# An error report file with more information is saved as:"],
            "mmap failed to map 12 bytes",
        ),
        (["fatal: x", "ERROR: Elasticsearch died while starting up, with exit code 1"], "fatal: x"),
    ],
)
def test_the_reason_is_the_last_trouble_of_the_log(log: list[str], reason: str) -> None:
    """Frames of a stack and closing words, which say nothing new, are passed over."""
    assert starting.reason_in(log) == reason


def test_a_log_in_json_is_shown_as_text() -> None:
    """The published image writes objects; people see level, message and error."""
    line = {"log.level": "ERROR", "message": "fatal exception", "error.message": "no room", "ecs.version": "1.2.0"}
    container: Any = SimpleNamespace(
        get_wrapped_container=lambda: SimpleNamespace(logs=lambda **_: f"{json.dumps(line)}\n\n[1]\nplain\n".encode())
    )
    assert starting.log_lines(container) == ["ERROR fatal exception no room", "[1]", "plain"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Status": "running", "ExitCode": 0}, ""),
        ({"Status": "created", "ExitCode": 0}, ""),
        ({"Status": "exited", "ExitCode": 1}, "ended with exit code 1"),
        ({"Status": "exited", "ExitCode": 137}, "was killed, as happens where memory runs out"),
        ({"Status": "dead", "ExitCode": 1, "OOMKilled": True}, "was killed, as happens where memory runs out"),
    ],
)
def test_how_a_container_ended(state: dict[str, object], words: str) -> None:
    """An end is recognised, and a kill told from a failure."""
    wrapped = SimpleNamespace(reload=lambda: None, attrs={"State": state})
    container: Any = SimpleNamespace(get_wrapped_container=lambda: wrapped)
    assert starting.ending_of(container) == words


def test_a_container_that_was_removed_has_ended() -> None:
    """Somebody who removes it while it is used has ended it."""

    def reload() -> None:
        raise NotFound("gone")

    container: Any = SimpleNamespace(get_wrapped_container=lambda: SimpleNamespace(reload=reload))
    assert starting.ending_of(container) == "was removed by somebody else"


def _ready(monkeypatch: pytest.MonkeyPatch, ending: str) -> Container:
    """A container that came up, and how it has ended since."""
    container = Container("a/b:1", memory="1g")
    monkeypatch.setattr(container, "_container", SimpleNamespace())
    monkeypatch.setattr(container, "start_s", 1.0)
    monkeypatch.setattr("relevance.engines.elasticsearch.container.probe", lambda _: "")
    monkeypatch.setattr(starting, "ending_of", lambda _: ending)
    monkeypatch.setattr(starting, "log_lines", lambda _: ["all is well", "fatal: no room"])
    return container


def test_a_container_that_ends_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the reason, and the end of the log below it."""
    error = _ready(monkeypatch, "ended with exit code 3").ended()
    assert error is not None
    assert str(error) == ("the Elasticsearch container ended with exit code 3: fatal: no room (a/b:1, --es-memory 1g)")
    assert error.details == ("the end of the container's log:", "  all is well", "  fatal: no room")


def test_a_container_that_runs_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither has one of which nothing is known: not begun, closed, or the engine fails."""
    assert _ready(monkeypatch, "").ended() is None
    assert Container("a/b:1", memory="1g").ended() is None
    container = _ready(monkeypatch, "x")

    def fail(_: object) -> str:
        raise APIError("no")

    monkeypatch.setattr(starting, "ending_of", fail)
    assert container.ended() is None


def test_signals_wait_for_the_end_of_closing(no_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """An interruption in the midst of closing does not stop it; afterwards signals are heard as before."""
    container = Container(DEFAULT_IMAGE, memory="1g")
    heard = []
    monkeypatch.setattr(
        container, "_removed", lambda: [signal.raise_signal(one) for one in (2, 15)] and heard.append(1)
    )
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    container.close()
    assert heard == [1]
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
