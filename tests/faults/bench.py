"""Sessions over one data set, where results of an earlier session lie already."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from faults.session import LONGEST_S, Ended, Session, content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OURS = "relevance-*"
STRATEGIES = ("textsearch", "textsearch_boosted")
DOING = {"_bulk": "indexing", "_msearch": "searching"}
"""What a session does, by the requests that it sends for it."""


class Note(Protocol):
    """Keeps how a session ended under a fault, for the table at the end."""

    def __call__(self, fault: str, ended: Ended, *, release: str = "8") -> None:
        """Keep a row."""


@dataclass
class Bench:
    """Sessions over the data set, and the results of an earlier one where they write theirs.

    Attributes:
        data: the data set.
        folder: of this test.
        earlier: files of the earlier results.
        count: sessions so far.
        family: what the label of their containers says.
    """

    data: Path
    folder: Path
    earlier: Mapping[str, bytes] = field(repr=False)
    count: int = 0
    family: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex}")

    @property
    def out(self) -> Path:
        """Where sessions write their results."""
        return self.folder / "results" / "out"

    def session(self, url: str | None, *options: str, **environ: str) -> Session:
        """A session of text strategies on a cluster (None: in a container), not started yet."""
        self.count += 1
        where = [] if url is None else ["--es-url", url]
        strategies = [part for name in STRATEGIES for part in ("--strategy", name)]
        arguments = ["-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "-p", "faults.plugin"]
        arguments += ["--engine", "elasticsearch", *where, "--dataset", f"files:{self.data}", *strategies]
        arguments += ["--out", str(self.out), *options]
        environ = {"PYTHONPATH": "tests", "FAULTS_FAMILY": self.family, **environ}
        return Session(arguments, self.folder / f"temporary{self.count}", environ)

    def run(self, url: str | None, *options: str, **environ: str) -> Ended:
        """Run a session to its end; it leaves neither processes nor temporary files."""
        ended = self.session(url, *options, **environ).start().end()
        assert ended.left == [], ended.output
        return ended

    def patient(self, url: str, seconds: float, *options: str) -> Ended:
        """Run a session that waits so many seconds for errors that last, instead of 60."""
        session = self.session(url, *options, FAULTS_PATIENCE=str(seconds)).start()
        ended = session.end(LONGEST_S + seconds)
        assert ended.left == [], ended.output
        return ended

    def hurried(self, url: str, *options: str) -> Ended:
        """Run a session that gives up soon."""
        return self.patient(url, 4, *options)

    @property
    def untouched(self) -> bool:
        """Whether the earlier results are as they were, and nothing lies beside them."""
        return content(self.out) == self.earlier and self.alone

    @property
    def alone(self) -> bool:
        """Whether nothing lies beside the results."""
        return [path.name for path in self.out.parent.iterdir()] == ["out"]

    @property
    def same_rankings(self) -> bool:
        """Whether new results were written, and they rank and score as the earlier ones."""
        now, before = content(self.out), self.earlier
        runs = [f"runs/{name}.run" for name in STRATEGIES]
        return now.keys() == before.keys() and all(now[name] == before[name] for name in runs) and now != before
