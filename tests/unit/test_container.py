"""The Docker engine and the container, with fakes of Docker's client and sockets that do not answer."""

import gc
import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace as Fake
from typing import Any

import pytest
from docker.errors import APIError, ImageNotFound, NotFound
from testcontainers.core.config import ConnectionMode

from relevance.engines.elasticsearch import container as starting
from relevance.engines.elasticsearch.container import NOBODY, Container, labels, look, pull, remove_leftovers
from relevance.engines.elasticsearch.leftovers import Owner, this_process
from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE, Settings
from relevance.errors import CouldNotRunError, InputError
from relevance.setting import declared

LATE = "the Docker engine does not answer in time"
ABSENT = r"no Docker engine answers at unix:///nonexistent \(DOCKER_HOST\)"
GATEWAY, BRIDGE, HOST = ConnectionMode.gateway_ip, ConnectionMode.bridge_ip, ConnectionMode.docker_host


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")


def _listening(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


# what Docker has for it


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("unix:///nonexistent", f"{NOBODY} at unix:///nonexistent (DOCKER_HOST)"),
        ("unix://{}/dead", f"{NOBODY} at unix://{{}}/dead (DOCKER_HOST)"),
        ("unix://{}/silent", "the Docker engine at unix://{}/silent (DOCKER_HOST) does not answer in time"),
        ("bogus://x", f"{NOBODY} at bogus://x (DOCKER_HOST)"),
        ("tcp://127.0.0.1:1", f"{NOBODY} at tcp://127.0.0.1:1 (DOCKER_HOST)"),
        ("tcp://me:secret@127.0.0.1:1", f"{NOBODY} at tcp://…@127.0.0.1:1 (DOCKER_HOST)"),
        ("tcp://127.0.0.1:notaport", f"{NOBODY} at tcp://127.0.0.1:notaport (DOCKER_HOST)"),
    ],
)
def test_an_engine_that_does_not_answer(
    host: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host.format(tmp_path))
    _listening(tmp_path / "dead").close()
    with _listening(tmp_path / "silent"):
        status = look(DEFAULT_IMAGE, seconds=0.2)
    gc.collect()  # a socket that was left open warns here
    assert (status.answers, status.problem) == (False, problem.format(tmp_path))


def test_each_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "permission denied" in starting._absence(PermissionError(13, "Permission denied"))
    monkeypatch.setattr(starting, "DEFAULT_SOCKET", str(tmp_path / "none"))
    monkeypatch.setattr(starting, "_RUN", tmp_path / "run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert look(DEFAULT_IMAGE).problem == NOBODY
    for name in ("podman/podman.sock", "docker.sock", "run/podman/podman.sock"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _listening(path):
            assert look(DEFAULT_IMAGE).problem.endswith(f" socket: set DOCKER_HOST to unix://{path}")
        path.unlink()
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with monkeypatch.context() as tls:
        tls.setenv("DOCKER_TLS_VERIFY", "1")
        tls.setenv("DOCKER_CERT_PATH", str(tmp_path))
        assert look(DEFAULT_IMAGE).problem.startswith("the files of DOCKER_CERT_PATH are not those of a TLS client (")
    monkeypatch.setenv("DOCKER_HOST", "ssh://nobody@127.0.0.1")
    monkeypatch.setitem(sys.modules, "docker.transport.sshconn", None)
    monkeypatch.delattr("docker.api.client.SSHHTTPAdapter", raising=False)
    assert "the package paramiko is not installed" in look(DEFAULT_IMAGE).problem


def test_a_way_to_an_engine_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()

    monkeypatch.delenv("DOCKER_HOST", raising=False)

    def hang(**_: Any) -> None:
        end.wait(20)
        raise OSError

    monkeypatch.setattr("docker.from_env", hang)
    monkeypatch.setattr(starting, "_knock", lambda *_: None)
    try:
        assert look(DEFAULT_IMAGE, seconds=0.1).problem == LATE
    finally:
        end.set()


def _pull(monkeypatch: pytest.MonkeyPatch, events: list[dict[str, Any]], *, there: bool = True) -> None:
    def get(_: str) -> None:
        if not there:
            raise ImageNotFound("no such image: a/b:1")

    api = Fake(pull=lambda *_, **__: (event for event in events))
    client = Fake(api=api, images=Fake(get=get), close=lambda: None)
    monkeypatch.setattr("docker.from_env", lambda **_: client)
    monkeypatch.setattr(starting, "_knock", lambda *_: None)
    pull("a/b:1", progress=True)


def test_pulling_shows_the_bytes_of_all_layers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
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
    _pull(monkeypatch, events)
    shown = capsys.readouterr().err
    assert "pulling a/b:1: 100%" in shown
    assert "2.00k/2.00k" in shown


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("write /x: no space left on device", "the Docker engine's disk is full; make room"),
        ("manifest for a/b:1 not found: manifest unknown", "there is no such image; check its name and tag"),
        ("pull access denied, or may require 'docker login'", "its registry has none for this user; check its name"),
        ("dial tcp: lookup registry: no such host", "its registry is not reached: dial tcp: lookup registry: no such"),
        ("something\nnew", "something new"),
        ("", "there is no such image; check its name and tag"),  # it says nothing, and the image is not there
    ],
)
def test_a_failed_pull_says_what_to_do(said: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [{"status": "Pulling", "id": "1"}, {"error": said}, {"status": "late"}]
    with pytest.raises(CouldNotRunError) as error:
        _pull(monkeypatch, events, there=bool(said))
    assert str(error.value).startswith(f"a/b:1 could not be pulled: {line}")
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_nothing_is_pulled_or_started() -> None:
    with pytest.raises(CouldNotRunError, match=f"^{ABSENT}$"):
        pull(DEFAULT_IMAGE, progress=False)
    container = Container(DEFAULT_IMAGE, memory="1g")
    container.begin()
    with pytest.raises(CouldNotRunError, match=f"container could not be started: {ABSENT}$"):
        container.wait()
    assert (container.close(), container.close(), container.start_s) == (None, None, None)
    assert container.name not in {thread.name for thread in threading.enumerate()}


def test_names_of_images_and_heaps_as_java_writes_them_are_settings() -> None:
    keys = {key.name: key for key in declared(Settings)}
    images = [DEFAULT_IMAGE, "elasticsearch", "localhost:5000/search/elasticsearch:8", "6856499da321"]
    images += ["REGISTRY.example.com/a__b/c-d:Tag_1", f"elasticsearch:8.19.5@sha256:{'0a' * 32}"]
    for name, taken in (("image", images), ("memory", ["128m", "1G", "2g"])):
        assert [keys[name].checked(value, "there") for value in taken] == taken
    for wrong in ("", "Elastic Search", "elasticsearch:", "Elasticsearch", "a//b", "a:b:c", "a\n", "-a"):
        with pytest.raises(InputError, match=r"^there = .*; allowed: an image's name in lower case with its tag"):
            keys["image"].checked(wrong, "there")
    for wrong in ("", "1", "g", "127m", "0g", "1.5g", "-1g", "1gb", "1g -XX:+Foo", "1k", "१g", "1g\n"):
        with pytest.raises(InputError, match=r"^there = .*; allowed: a size as Java writes it, at least 128m"):
            keys["memory"].checked(wrong, "there")


# whose a container is


def _summary(name: str, owner: Owner | None, state: str = "running") -> dict[str, Any]:
    written = labels() if owner else {"relevance.kind": "elasticsearch"}
    if owner:
        written |= {f"relevance.{key}": str(getattr(owner, key)) for key in ("place", "pid", "started")}
    return {"Id": name, "Names": [f"/{name}"], "Labels": written, "State": state}


def _engine(containers: list[dict[str, Any]], refusals: dict[str, Exception] | None = None) -> Any:
    def remove_container(name: str, *, v: bool, force: bool) -> None:
        assert v
        assert force
        if refusals and name in refusals:
            raise refusals[name]

    def listed(*, all: bool, filters: dict[str, str]) -> list[dict[str, Any]]:  # noqa: A002 - Docker's name
        assert all
        label, _, value = filters["label"].partition("=")
        return [one for one in containers if one["Labels"].get(label) == value]

    return Fake(api=Fake(containers=listed, remove_container=remove_container))


@pytest.fixture
def dead() -> Owner:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return replace(this_process(), pid=process.pid)


def test_only_containers_that_nobody_uses_are_removed(dead: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = this_process()
    elsewhere = replace(mine, place="another machine")
    containers = [
        _summary("mine", mine),
        _summary("mine-ended", mine, "exited"),
        _summary("dead", dead),
        _summary("reused", replace(mine, started="1")),
        _summary("elsewhere", elsewhere),
        _summary("elsewhere-created", elsewhere, "created"),
        _summary("elsewhere-ended", elsewhere, "exited"),
        {"Id": "foreign", "Names": ["/foreign"], "Labels": {}, "State": "exited"},
        _summary("bare", None),
    ]
    monkeypatch.setattr(starting, "engine", lambda: nullcontext(_engine(containers)))
    assert remove_leftovers() == ["dead", "elsewhere-ended", "reused"]


def test_a_leftover_that_others_remove_is_no_error_and_not_claimed(
    dead: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = {
        "gone": NotFound("gone", response=Fake(status_code=404)),
        "going": APIError("going", response=Fake(status_code=409)),
        "stuck": APIError("stuck", response=Fake(status_code=500, url="", reason="")),
    }
    containers = [_summary(name, dead) for name in ("gone", "going", "stuck", "dead")]
    monkeypatch.setattr(starting, "engine", lambda: nullcontext(_engine(containers, refusals)))
    assert remove_leftovers() == ["dead"]


# where it is reached


@pytest.mark.parametrize(
    ("mode", "host", "network", "where"),
    [
        (HOST, "localhost", None, ""),
        (HOST, "127.0.0.1", None, ""),
        (HOST, "192.0.2.1", None, "192.0.2.1"),
        (BRIDGE, "192.0.2.1", None, ""),
        (GATEWAY, "localhost", {"Subnet": "127.0.0.0/8"}, ""),
        (GATEWAY, "localhost", {"Gateway": "127.0.0.2", "Subnet": "172.17.0.0/16"}, ""),
        (GATEWAY, "localhost", {"Subnet": "192.0.2.0/24"}, "192.0.2.1"),
        (GATEWAY, "localhost", None, "the gateway"),
    ],
)
def test_a_port_is_published_on_loopback_wherever_that_is_ours(mode: Any, host: str, network: Any, where: str) -> None:
    bridge = Fake(attrs={"IPAM": {"Config": [network] if network else None}})
    engine = Fake(networks=Fake(get=lambda _: bridge))
    client = Fake(get_connection_mode=lambda: mode, host=lambda: host, client=engine)
    container: Any = Fake(ports={"9200": None}, get_docker_client=lambda: client)
    line = starting.publish(container)
    assert container.ports == {"9200": None if where else ("127.0.0.1",)}
    assert line.startswith(f"the container is reached by way of {where}: its port, without a pass" if where else "")
    assert bool(line) is bool(where)


# how it ended


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (["all is well"], ""),
        (["Exception: bad", "Caused by: no node.id", "\tat a.b.C.d(C.java:1)", "... 12 more"], "Caused by: no node.id"),
        (
            ["# mmap failed to map 12 bytes", "# An error report file with more is saved as:"],
            "mmap failed to map 12 by",
        ),
        (["fatal: x", "ERROR: Elasticsearch died while starting up, with exit code 1"], "fatal: x"),
    ],
)
def test_the_reason_is_the_last_trouble_of_the_log(log: list[str], reason: str) -> None:
    assert starting.reason_in(log).startswith(reason)
    assert bool(starting.reason_in(log)) is bool(reason)


def test_a_log_in_json_is_shown_as_text() -> None:
    line = {"log.level": "ERROR", "message": "fatal exception", "error.message": "no room", "ecs.version": "1.2.0"}
    log = f"{json.dumps(line)}\n\n[1]\nplain\n".encode()
    container: Any = Fake(get_wrapped_container=lambda: Fake(logs=lambda **_: log))
    assert starting.log_lines(container) == ["ERROR fatal exception no room", "[1]", "plain"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Status": "running", "ExitCode": 0}, ""),
        ({"Status": "created", "ExitCode": 0}, ""),
        ({"Status": "exited", "ExitCode": 1}, "ended with exit code 1"),
        ({"Status": "exited", "ExitCode": 137}, "was killed, as happens where memory runs out"),
        ({"Status": "dead", "ExitCode": 1, "OOMKilled": True}, "was killed, as happens where memory runs out"),
        (None, "was removed by somebody else"),
    ],
)
def test_how_a_container_ended(state: dict[str, object] | None, words: str) -> None:
    def reload() -> None:
        if state is None:
            raise NotFound("gone")

    container: Any = Fake(get_wrapped_container=lambda: Fake(reload=reload, attrs={"State": state}))
    assert starting.ending_of(container) == words


def test_a_container_that_ends_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    container = Container("a/b:1", memory="1g")
    assert container.ended() is None, "it has not begun"
    monkeypatch.setattr(container, "_container", Fake())
    monkeypatch.setattr(container, "start_s", 1.0)
    monkeypatch.setattr(starting, "log_lines", lambda _: ["all is well", "fatal: no room"])
    monkeypatch.setattr(starting, "ending_of", lambda _: "")
    assert container.ended() is None
    monkeypatch.setattr(starting, "ending_of", lambda _: "ended with exit code 3")
    error = container.ended()
    assert str(error) == "the Elasticsearch container ended with exit code 3: fatal: no room (a/b:1, --es-memory 1g)"
    assert error.details == ("the end of the container's log:", "  all is well", "  fatal: no room")

    def fail(_: object) -> str:
        raise APIError("no")

    monkeypatch.setattr(starting, "ending_of", fail)
    assert container.ended() is None, "nothing is known of it"


@pytest.mark.parametrize(
    ("status", "line"), [(404, None), (409, None), (500, "the container {} was not removed (500 Server Error")]
)
def test_closing_says_what_is_still_there(status: int, line: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    container = Container("a/b:1", memory="1g")
    engine = _engine([], {container.name: APIError("stuck", response=Fake(status_code=status, url="", reason=""))})
    engine.close = lambda: None
    monkeypatch.setattr(container, "_container", Fake(get_docker_client=lambda: Fake(client=engine)))
    left = container.close()
    assert left is line or str(left).startswith(str(line).format(container.name))
    assert container.close() is None


def test_signals_wait_for_the_end_of_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    container = Container(DEFAULT_IMAGE, memory="1g")
    heard = []

    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        heard.append(1)

    monkeypatch.setattr(starting, "_remove", interrupted)
    closes = Fake(client=Fake(close=lambda: None))
    monkeypatch.setattr(container, "_container", Fake(get_docker_client=lambda: closes))
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    container.close()
    assert heard == [1]
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
