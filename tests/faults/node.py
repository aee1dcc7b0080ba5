"""A real Elasticsearch node that a test may kill, freeze and start again on the same port and data."""

from __future__ import annotations

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HEAP = "512m"
LONGEST_S = 180
JAVA = "-XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""A node that lives for minutes takes half the processor time by this."""

# The guard waits for the end of its input, which comes when this process closes it or dies, and then stops the server.
GUARD = """
import shutil, subprocess, sys
sys.stdin.read()
subprocess.run(sys.argv[2:], check=False)
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def asked(url: str, path: str, *, method: str = "GET", body: object = None) -> Any:
    """Ask a server by plain HTTP, with no client of ours between; the parsed answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}{path}", data=data, headers=headers, method=method)  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=LONGEST_S) as answer:  # noqa: S310 - http
        return json.load(answer)


@dataclass
class Node:
    """A node that was started; its state lies in a folder that outlives its process.

    Attributes:
        script: starts and stops it.
        release: "8" or "9".
        port: its HTTP port, the same after each start.
        state: the folder of its data.
        heap: as Java writes it.
        settings: further node settings, `NAME=VALUE`.
    """

    script: Path
    release: str
    port: int
    state: Path
    heap: str = HEAP
    settings: Sequence[str] = ()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def version(self) -> str:
        """Its full version."""
        return str(asked(self.url, "/")["version"]["number"])

    @property
    def process(self) -> psutil.Process:
        """Its process, as it was last started."""
        return psutil.Process(int((self.state / "pid").read_text()))

    @property
    def alive(self) -> bool:
        """Whether its process is there; a frozen one is."""
        try:
            return self.process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, FileNotFoundError):
            return False

    def start(self) -> None:
        """Start it, and wait until it answers; nothing where it is alive."""
        if self.alive:
            return
        settings = [part for setting in self.settings for part in ("--setting", setting)]
        command = [*self.command("start"), "--release", self.release, "--heap", self.heap, "--wait", "300", *settings]
        # release 9 finds its Java through the `python3` on the path
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "_JAVA_OPTIONS": JAVA}
        subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - own command

    def command(self, action: str) -> list[str]:
        """What starts or stops it."""
        return [str(self.script), action, "--port", str(self.port), "--data", str(self.state)]

    def kill(self) -> None:
        """End it as a power cut would; nothing where it is gone."""
        if self.alive:
            self.process.send_signal(signal.SIGKILL)
        until(lambda: not self.alive)

    def freeze(self) -> None:
        """Stop its process where it is: connections are taken, nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def indices(self, pattern: str = "*") -> list[str]:
        """The names of its indices, closed and hidden ones too."""
        return sorted(asked(self.url, f"/{pattern}?expand_wildcards=all&ignore_unavailable=true&features=aliases"))

    def remove(self, pattern: str) -> None:
        """Delete indices."""
        for name in self.indices(pattern):
            asked(self.url, f"/{name}", method="DELETE")


def until(happened: Callable[[], object], longest_s: float = LONGEST_S) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not so in time.
    """
    end = time.monotonic() + longest_s
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {longest_s} s")
        time.sleep(0.02)


def _free_port() -> int:
    """A port that is free on the loopback address together with port + 100, which the server takes too."""
    while True:
        with socket.socket() as http, socket.socket() as transport:
            http.bind(("127.0.0.1", 0))
            port = int(http.getsockname()[1])
            try:
                transport.bind(("127.0.0.1", port + 100))
            except (OSError, OverflowError):
                continue
            return port


@contextmanager
def running_node(folder: Path, release: str = "8", *, heap: str = HEAP, settings: Sequence[str] = ()) -> Iterator[Node]:
    """Start a node with the script in `folder`, else of an image; it is stopped whatever happens to it or to us."""
    if not (folder / "server").is_file():
        from faults.imagenode import ImageNode, running_image_node  # noqa: PLC0415 - it is a Node

        made = ImageNode(release=release, port=_free_port(), heap=heap, settings=settings)
        with running_image_node(made) as of_image:
            yield of_image
        return
    state = Path(tempfile.mkdtemp(prefix="faults-"))
    node = Node(folder / "server", release, _free_port(), state, heap, settings)
    guard = subprocess.Popen(  # noqa: S603 - own command
        [sys.executable, "-c", GUARD, str(state), *node.command("stop")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        node.start()
        yield node
    finally:
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            node.kill()  # nothing of it is wanted, and a frozen one would not end otherwise
        guard.communicate()
        shutil.rmtree(state, ignore_errors=True)
