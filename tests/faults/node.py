"""A real Elasticsearch that a test may kill, freeze and start again on the same port and data."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from helpers.images import image_of

LONGEST_S = 180
JAVA = "-XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""A node that lives for minutes takes half the processor time by this."""
STOP = 'cat; "$@"; rm -rf "$0"'
"""The guard's input ends when this process closes it or dies; then it stops the server."""


def ask(url: str, path: str, *, method: str = "GET", body: object = None) -> Any:
    """By plain HTTP, with no client of ours between."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}{path}", data=data, headers=headers, method=method)  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=LONGEST_S) as answer:  # noqa: S310 - http
        return json.load(answer)


def until(happened: Callable[[], object], longest_s: float = LONGEST_S) -> None:
    end = time.monotonic() + longest_s
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {longest_s} s")
        time.sleep(0.02)


def _run(*command: str, **options: Any) -> str:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options)  # noqa: S603 - own command
    return done.stdout.strip()


def _free_port() -> int:
    """Together with port + 100, which the server takes too."""
    while True:
        with socket.socket() as http, socket.socket() as transport:
            http.bind(("127.0.0.1", 0))
            port = int(http.getsockname()[1])
            try:
                transport.bind(("127.0.0.1", port + 100))
            except (OSError, OverflowError):
                continue
            return port


@dataclass
class Node:
    release: str
    heap: str = "512m"
    settings: tuple[str, ...] = ()  # further ones of the node, NAME=VALUE
    port: int = field(default_factory=_free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def indices(self, pattern: str = "*") -> list[str]:
        """Closed and hidden ones too."""
        return sorted(ask(self.url, f"/{pattern}?expand_wildcards=all&ignore_unavailable=true&features=aliases"))

    def remove(self, pattern: str) -> None:
        for name in self.indices(pattern):
            ask(self.url, f"/{name}", method="DELETE")


@dataclass
class ServerNode(Node):
    """A process that the script beside the repository starts."""

    script: Path = Path()
    state: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="faults-")))

    def __post_init__(self) -> None:
        guard = ["sh", "-c", STOP, str(self.state), *self._command("stop")]
        null = subprocess.DEVNULL
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True)  # noqa: S603 - own command

    def _command(self, action: str) -> list[str]:
        return [str(self.script), action, "--port", str(self.port), "--data", str(self.state)]

    @property
    def _process(self) -> psutil.Process:
        return psutil.Process(int((self.state / "pid").read_text()))

    @property
    def alive(self) -> bool:
        """A frozen one is."""
        try:
            return self._process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, FileNotFoundError):
            return False

    def start(self) -> None:
        """Nothing where it is alive."""
        if not self.alive:
            settings = [part for setting in self.settings for part in ("--setting", setting)]
            options = ["--release", self.release, "--heap", self.heap, "--wait", "300", *settings]
            # release 9 finds its Java through the `python3` on the path
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            _run(*self._command("start"), *options, env={**os.environ, "PATH": path, "_JAVA_OPTIONS": JAVA})

    def kill(self) -> None:
        if self.alive:
            self._process.send_signal(signal.SIGKILL)
        until(lambda: not self.alive)

    def freeze(self) -> None:
        """Connections are taken, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def dispose(self) -> None:
        self.kill()  # a frozen one would not end otherwise
        self._guard.communicate()
        shutil.rmtree(self.state, ignore_errors=True)


@dataclass
class ImageNode(Node):
    """A container of the test's own."""

    name: str = field(default_factory=lambda: f"relevance-test-{uuid.uuid4().hex[:8]}")

    @property
    def alive(self) -> bool:
        return bool(_run("docker", "ps", "--filter", f"name=^{self.name}$", "--quiet"))

    def start(self) -> None:
        if not self.alive:
            known = _run("docker", "ps", "--all", "--filter", f"name=^{self.name}$", "--quiet")
            _run("docker", "start", self.name) if known else self._make()
            until(self._answers)

    def _make(self) -> None:
        settings = (
            "discovery.type=single-node",
            "xpack.security.enabled=false",
            "xpack.ml.enabled=false",
            "cluster.routing.allocation.disk.threshold_enabled=false",
            f"ES_JAVA_OPTS=-Xms{self.heap} -Xmx{self.heap} {JAVA}",
            *self.settings,
        )
        environ = [part for setting in settings for part in ("--env", setting)]
        where = ["--name", self.name, "--publish", f"127.0.0.1:{self.port}:9200"]
        _run("docker", "run", "--detach", "--pull=never", *where, *environ, image_of(self.release))

    def _answers(self) -> bool:
        try:
            return bool(ask(self.url, "/_cluster/health?wait_for_status=yellow&timeout=5s"))
        except (OSError, ValueError):
            return False

    def kill(self) -> None:
        if self.alive:
            _run("docker", "kill", self.name)
        until(lambda: not self.alive)

    def freeze(self) -> None:
        _run("docker", "pause", self.name)

    def thaw(self) -> None:
        _run("docker", "unpause", self.name)

    def dispose(self) -> None:
        _run("docker", "rm", "--force", "--volumes", self.name)


@contextmanager
def running_node(folder: Path, release: str = "8", **options: Any) -> Iterator[Any]:
    """By the script in the folder, else of an image; it is stopped whatever happens to it or to us."""
    script = folder / "server"
    node = ServerNode(release, script=script, **options) if script.is_file() else ImageNode(release, **options)
    try:
        node.start()
        yield node
    finally:
        node.dispose()
