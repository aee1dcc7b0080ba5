"""A real Elasticsearch node for the reference side of parity: started on a free port, stopped whatever happens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from elasticsearch import Elasticsearch
from helpers.images import running_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


HEAP = "1g"
JAVA = "-XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""A node that lives for minutes takes half the processor time by this."""
ANALYZE_CHARACTERS = 500_000
ANALYZE_INDEX = "analysis"
# The guard waits for the end of its input, which comes when this process closes it or dies, and then stops the server.
GUARD = """
import shutil, subprocess, sys
sys.stdin.read()
subprocess.run(sys.argv[2:], check=False)
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def _free_port() -> int:
    """Return a port that is free on the loopback address together with port + 100, which the server takes too."""
    while True:
        with socket.socket() as http, socket.socket() as transport:
            http.bind(("127.0.0.1", 0))
            port = int(http.getsockname()[1])
            try:
                transport.bind(("127.0.0.1", port + 100))
            except (OSError, OverflowError):
                continue
            return port


def _chunks(texts: Sequence[str], characters: int) -> Iterator[Sequence[str]]:
    """Split into runs of up to so many characters, or of one text that is longer."""
    ends = np.cumsum([len(text) + 1 for text in texts])
    bounds = [0]
    while bounds[-1] < len(texts):
        start = bounds[-1]
        before = ends[start - 1] if start else 0
        bounds.append(max(start + 1, int(np.searchsorted(ends, before + characters, side="right"))))
    for start, end in pairwise(bounds):
        yield texts[start:end]


def environment() -> dict[str, str]:
    """The variables of the script that starts a node; release 9 finds its Java through the `python3` on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "_JAVA_OPTIONS": JAVA}


@contextmanager
def running_server(
    folder: Path, release: str, *, port: int | None = None, heap: str = HEAP
) -> Iterator[ReferenceServer]:
    """Start a node of release "8" or "9" with the script in `folder`, else of an image; stopped whatever happens."""
    if not (folder / "server").is_file():
        with running_image(release, heap=heap) as url, Elasticsearch(url, request_timeout=300, max_retries=0) as client:
            yield ReferenceServer(client, release, url)
        return
    port = port or _free_port()
    state = tempfile.mkdtemp(prefix="reference-")
    script = str(folder / "server")
    own = ["--port", str(port), "--data", state]
    guard = subprocess.Popen(  # noqa: S603 - own command
        [sys.executable, "-c", GUARD, state, script, "stop", *own],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        start = [script, "start", *own, "--release", release, "--heap", heap]
        subprocess.run(start, env=environment(), check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - own command
        url = f"http://127.0.0.1:{port}"
        with Elasticsearch(url, request_timeout=300, max_retries=0) as client:
            yield ReferenceServer(client, release, url)
    finally:
        guard.communicate()


@dataclass
class ReferenceServer:
    """A running node."""

    client: Elasticsearch
    release: str
    url: str
    _analysis_ready: bool = field(default=False, init=False)

    @property
    def version(self) -> str:
        """The node's full version."""
        return str(self.client.info()["version"]["number"])

    def analyze(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each text by the standard analyzer."""
        if not self._analysis_ready:
            # The default limit of 10,000 tokens a request would make batches small and the comparison slow.
            settings = {"index": {"analyze.max_token_count": 2 * ANALYZE_CHARACTERS, "number_of_replicas": 0}}
            self.client.indices.create(index=ANALYZE_INDEX, settings=settings)
            self._analysis_ready = True
        return [tokens for part in _chunks(texts, ANALYZE_CHARACTERS) for tokens in self._analyze_part(part)]

    def _analyze_part(self, texts: Sequence[str]) -> list[list[str]]:
        answer = self.client.indices.analyze(index=ANALYZE_INDEX, analyzer="standard", text=list(texts))
        # The texts share one axis of offsets, counted in UTF-16 units, with a gap of one between two of them.
        starts = np.cumsum([0, *(len(text.encode("utf-16-le")) // 2 + 1 for text in texts)])
        found: list[list[str]] = [[] for _ in texts]
        tokens = answer["tokens"]
        owners = np.searchsorted(starts, [token["start_offset"] for token in tokens], side="right") - 1
        for owner, token in zip(owners.tolist(), tokens, strict=True):
            found[owner].append(token["token"])
        return found
