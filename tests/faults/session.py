"""Sessions as a user starts them, in processes of their own: what they print, how they end, what they leave behind."""

import json
import multiprocessing
import os
import re
import runpy
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 180
MARK = "FAULTS_SESSION"
LINE = re.compile(
    r"^(?:relevance: (?!configuration )|ERROR: |Exit: |!+ (?:_pytest\.outcomes\.Exit: )?)(?P<line>.*?)(?: !+)?$"
)
OURS = "relevance-*"
STRATEGIES = ("textsearch", "textsearch_boosted")
OPTIONS = (
    *("-pfaults.plugin", "-pno:cacheprovider", "-pno:hypothesispytest", "-pno:anyio", "-pno:xdist", "--assert=plain"),
    *("--engine=elasticsearch", *(f"--strategy={name}" for name in STRATEGIES)),
)

# forked from a process that has imported everything, which pytest then cannot rewrite: 3 s of processor time each
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["pytest", "scipy.stats", "relevance.plugin.run", "relevance.engines.elasticsearch.engine"]
)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@dataclass(frozen=True)
class Ended:
    code: int  # negative: it died of that signal
    output: str  # of both streams, as at a terminal
    seconds: float
    left: list[str]  # processes and temporary files

    @property
    def lines(self) -> list[str]:
        """What it says of its end, without pytest's rule around it."""
        return [match["line"] for line in self.output.splitlines() if (match := LINE.match(line))]

    @property
    def notes(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.startswith("note: ")]

    @property
    def line(self) -> str:
        """There has to be just one, and no traceback."""
        assert "Traceback" not in self.output, self.output
        assert len(self.lines) == 1, self.output
        return self.lines[0]


@dataclass
class Session:
    arguments: Sequence[str]  # of Python: -m MODULE ...
    temporary: Path  # a folder of its own
    environ: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False  # from Python's own start on
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self) -> "Session":
        self.temporary.mkdir(parents=True)
        # `CI` makes a session without floors a failed one
        without = ("CI", "ES_", "PYTEST_", "RELEVANCE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(without)}
        own = {"TMPDIR": str(self.temporary), "HF_HUB_OFFLINE": "1", "COLUMNS": "400", "PYTHONUNBUFFERED": "1"}
        environ = {**kept, **own, MARK: self._mark, **self.environ}
        self._begun_s = time.monotonic()
        arguments = (self.arguments, environ, self._output, self.fresh)
        self._process = FORKS.Process(target=_run, args=arguments)
        self._process.start()
        return self

    @property
    def _output(self) -> Path:
        return self.temporary.with_suffix(".txt")

    @property
    def _seen(self) -> str:
        return self._output.read_text() if self._output.is_file() else ""

    @property
    def begun(self) -> bool:
        """Whether the plan is made: from here on the suite answers for how the process ends."""
        return any(line.startswith("engine: ") for line in self._seen.splitlines())

    def signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self._process.is_alive():
            os.kill(self._process.pid, number)

    def end(self, longest_s: float = LONGEST_S) -> Ended:
        self._process.join(longest_s)
        if (code := self._process.exitcode) is None:
            self._process.kill()
            self._process.join()
            raise TimeoutError(self._seen)
        return Ended(code, self._seen, time.monotonic() - self._begun_s, list(self._left()))

    def _left(self) -> Iterator[str]:
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    yield f"process {' '.join(process.cmdline())}"
            except psutil.Error:
                continue
        yield from (f"file {path}" for path in sorted(self.temporary.rglob("*")))


def _run(arguments: Sequence[str], environ: Mapping[str, str], output: Path, fresh: bool) -> None:  # noqa: FBT001 - ours
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
        stream.reconfigure(line_buffering=True)
    os.close(file)
    os.chdir(ROOT)
    if fresh:
        os.execve(sys.executable, [sys.executable, *arguments], environ)  # noqa: S606 - own command
    os.environ.clear()
    os.environ.update(environ)
    tempfile.tempdir = None
    sys.path.insert(0, str(ROOT))
    sys.argv = list(arguments[1:])
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)


def command(*arguments: str, temporary: Path) -> Ended:
    """Run the command `relevance`."""
    return Session(["-m", "relevance.cli", *arguments], temporary).start().end()


@dataclass
class Bench:
    """Sessions over one data set, and the results of an earlier one where they write theirs."""

    data: Path
    folder: Path  # of this test
    earlier: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    ended: list[Ended] = field(default_factory=list)
    family: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex}")  # the label of their containers

    @property
    def out(self) -> Path:
        return self.folder / "results" / "out"

    def session(self, url: str | None, *options: str, fresh: bool = False, **environ: str) -> Session:
        """A session of text strategies on a cluster (None: in a container), not started yet."""
        where = [] if url is None else ["--es-url", url]
        data = ["--dataset", f"files:{self.data}", "--out", str(self.out)]
        arguments = ["-m", "pytest", "benchmarks", *OPTIONS, *where, *data, *options]
        containers = {"FAULTS_FAMILY": self.family} if url is None else {}
        environ = {"PYTHONPATH": "tests", **containers, **environ}
        return Session(arguments, self.folder / f"temporary-{uuid.uuid4().hex}", environ, fresh or url is None)

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
        self.untouched()
        return ended

    def untouched(self) -> None:
        assert content(self.out) == self.earlier
        self.alone()

    def alone(self) -> None:
        """Nothing lies beside the results."""
        assert [path.name for path in self.out.parent.iterdir()] == ["out"]


WORDS = tuple(
    f"{colour}{thing}"
    for colour in ("red", "oak", "steel", "grey", "")
    for thing in ("desk", "lamp", "door", "saw", "bolt", "rug")
)
NAMES = ("colour", "size", "wood")


def make_shop(folder: Path, *, products: int = 600, queries: int = 90) -> Path:
    """A data set of the format `files`: short products, seeded, so that every session of a test ranks alike."""
    folder.mkdir(parents=True)
    random = Random(7)  # noqa: S311 - seeded on purpose

    def words(count: int) -> str:
        return " ".join(random.choices(WORDS, k=count))

    with (folder / "products.jsonl").open("w") as file:
        for number in range(products):
            named = random.sample(NAMES, random.randint(0, len(NAMES)))
            product = {"id": f"p{number:05d}", "title": words(random.randint(1, 6)), "description": words(12)}
            file.write(json.dumps({**product, "attributes": {name: words(1) for name in named}}) + "\n")
    texts = [f"{words(random.randint(1, 4))} {at}" for at in range(queries)]
    (folder / "queries.tsv").write_text("".join(f"q{at}\t{text}\n" for at, text in enumerate(texts)))
    rows = [f"q{at} 0 p{random.randrange(products):05d} {random.randint(1, 2)}\n" for at in range(queries)]
    (folder / "qrels.txt").write_text("".join(rows))
    return folder
