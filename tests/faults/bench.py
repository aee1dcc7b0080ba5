"""Sessions over one data set, where results of an earlier session lie already."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from faults.session import LONGEST_S, Ended, Session, content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OURS = "relevance-*"
STRATEGIES = ("textsearch", "textsearch_boosted")
PLUGINS = ("faults.plugin", "no:cacheprovider", "no:hypothesispytest", "no:anyio", "no:xdist")
DOING = {"_bulk": "indexing", "_msearch": "searching"}
"""What a session does, by the requests that it sends for it."""


@dataclass
class Bench:
    """Sessions over the data set, and the results of an earlier one where they write theirs.

    Attributes:
        data: the data set.
        folder: of this test.
        earlier: files of the earlier results.
        ended: sessions so far that were run to their end.
        family: what the label of their containers says.
    """

    data: Path
    folder: Path
    earlier: Mapping[str, bytes] = field(repr=False)
    ended: list[Ended] = field(default_factory=list)
    family: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex}")

    @property
    def out(self) -> Path:
        """Where sessions write their results."""
        return self.folder / "results" / "out"

    def session(self, url: str | None, *options: str, **environ: str) -> Session:
        """A session of text strategies on a cluster (None: in a container), not started yet."""
        arguments = ["-m", "pytest", "benchmarks", *(f"-p{name}" for name in PLUGINS), "--engine", "elasticsearch"]
        arguments += [] if url is None else ["--es-url", url]
        arguments += [part for name in STRATEGIES for part in ("--strategy", name)]
        arguments += ["--dataset", f"files:{self.data}", "--out", str(self.out), *options]
        environ = {"PYTHONPATH": "tests", "FAULTS_FAMILY": self.family, **environ}
        return Session(arguments, self.folder / f"temporary-{uuid.uuid4().hex}", environ)

    def run(self, url: str | None, *options: str, patience_s: float = 60, **environ: str) -> Ended:
        """Run a session to its end, which waits so long for errors that last; it leaves no process and no file."""
        session = self.session(url, *options, FAULTS_PATIENCE=str(patience_s), **environ)
        ended = session.start().end(LONGEST_S + patience_s)
        assert ended.left == [], ended.output
        self.ended.append(ended)
        return ended

    def passes(self, url: str | None, *options: str, patience_s: float = 60) -> Ended:
        """Run a session that ranks and scores as the earlier one."""
        ended = self.run(url, *options, patience_s=patience_s)
        assert ended.code == 0, ended.output
        now, before = content(self.out), self.earlier
        assert now.keys() == before.keys()
        assert now != before
        for name in STRATEGIES:
            assert now[f"runs/{name}.run"] == before[f"runs/{name}.run"], name
        return ended

    def fails(self, url: str, *options: str, code: int = 7, patience_s: float = 60, **environ: str) -> Ended:
        """Run a session that cannot run: one line, and the earlier results as they were."""
        ended = self.run(url, *options, patience_s=patience_s, **environ)
        assert ended.code == code, ended.output
        assert ended.line
        assert self.untouched
        return ended

    @property
    def untouched(self) -> bool:
        """Whether the earlier results are as they were, and nothing lies beside them."""
        return content(self.out) == self.earlier and self.alone

    @property
    def alone(self) -> bool:
        """Whether nothing lies beside the results."""
        return [path.name for path in self.out.parent.iterdir()] == ["out"]
