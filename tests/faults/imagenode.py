"""A node in a container of the test's own, which may be harmed as a process may."""

from __future__ import annotations

import subprocess
import urllib.error
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.images import image_of

from faults.node import Node, asked, until
from relevance.engines.elasticsearch.container import labels

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = (
    "discovery.type=single-node",
    "xpack.security.enabled=false",
    "xpack.ml.enabled=false",
    "cluster.routing.allocation.disk.threshold_enabled=false",
)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)  # noqa: S603, S607 - own
    return done.stdout.strip()


@dataclass(kw_only=True)
class ImageNode(Node):
    """A node whose port and data stay the same when its container is started again.

    Attributes:
        name: of the container.
    """

    script: Path = field(default_factory=Path)
    state: Path = field(default_factory=Path)
    name: str = field(default_factory=lambda: f"relevance-test-{uuid.uuid4().hex[:8]}")

    @property
    def alive(self) -> bool:
        """Whether its container runs; a paused one does."""
        found = _docker("ps", "--filter", f"name=^{self.name}$", "--format", "{{.Names}}")
        return found == self.name

    def start(self) -> None:
        """Start it, and wait until it answers; nothing where it is alive."""
        if self.alive:
            return
        if _docker("ps", "--all", "--filter", f"name=^{self.name}$", "--quiet"):
            _docker("start", self.name)
        else:
            self._make()
        until(self._answers, longest_s=120)

    def _make(self) -> None:
        given = (*_SETTINGS, f"ES_JAVA_OPTS=-Xms{self.heap} -Xmx{self.heap}", *self.settings)
        environ = [part for setting in given for part in ("--env", setting)]
        ours = [part for label, value in labels().items() for part in ("--label", f"{label}={value}")]
        where = ["--publish", f"127.0.0.1:{self.port}:9200"]
        _docker("run", "--detach", "--pull=never", "--name", self.name, *where, *environ, *ours, image_of(self.release))

    def _answers(self) -> bool:
        try:
            asked(self.url, "/_cluster/health?wait_for_status=yellow&timeout=5s")
        except (OSError, urllib.error.HTTPError, ValueError):
            return False
        return True

    def kill(self) -> None:
        """End it as a power cut would; nothing where it is gone."""
        if self.alive:
            _docker("kill", self.name)
        until(lambda: not self.alive)

    def freeze(self) -> None:
        """Stop its processes where they are: connections are taken, nothing is answered."""
        _docker("pause", self.name)

    def thaw(self) -> None:
        """Let them go on."""
        _docker("unpause", self.name)


@contextmanager
def running_image_node(node: ImageNode) -> Iterator[ImageNode]:
    """Start a node; its container is removed whatever happens to it or to us."""
    try:
        node.start()
        yield node
    finally:
        _docker("rm", "--force", "--volumes", node.name)
