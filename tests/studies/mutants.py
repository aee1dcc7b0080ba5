"""How much of what the rooms that decide do is held by unit tests: a seeded sample of mutants, each judged by them.

`PYTHONPATH=.:tests python -m studies.mutants OUT.json PATH ...` changes one place of the code under PATH at a time, as
`mutmut`'s operators do (`pip install mutmut coverage` first), runs the unit tests that execute the place, and writes
which mutants they kill. What only a message says is left alone: texts with a space, and all that stands in a `raise`.
The files are changed where they lie, so let nobody else use the checkout meanwhile; they are put back.
"""

# ruff: noqa: T201, PLC0415  # it prints how far it is; what it needs beside is imported where it runs

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import libcst as cst

ROOT = Path.cwd()
QUIET = [
    "-q",
    "--no-header",
    "--no-summary",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
]
SLOW_S = 4.0
"""Tests above this many seconds are left out, they are about processes and times."""
STEP_S = 12.0
"""Seconds of tests for a mutant, quickest first: of the test files nearest to it, and again of all others."""
OUTCOMES = {pytest.ExitCode.OK: "survived", pytest.ExitCode.NO_TESTS_COLLECTED: "survived"}


@dataclass(frozen=True)
class Mutant:
    """A place and what stands there instead: the whole file's text, and the lines whose tests are run."""

    path: str
    lines: tuple[int, int]
    before: str
    after: str
    text: Callable[[], str]


def _skipped(node: cst.CSTNode) -> bool:
    """Whether a node is left alone: what is said and not done, and what no test of behaviour can see."""
    import libcst as cst

    match node:
        case cst.SimpleString():
            return any(space in node.raw_value for space in " \n")
        case cst.Annotation() | cst.Decorator() | cst.Raise() | cst.Import() | cst.ImportFrom():
            return True
        case cst.FormattedStringText() | cst.ConcatenatedString() | cst.If(test=cst.Name(value="TYPE_CHECKING")):
            return True
        case cst.Call(func=cst.Name(value="len" | "isinstance" | "TypeVar" | "cast")):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__all__"))]):
            return True
    return False


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of the code."""
    import libcst as cst
    from libcst.metadata import MetadataWrapper, PositionProvider
    from mutmut.mutation.mutators import mutation_operators

    code = path.read_text("utf-8")
    statements = _statements(ast.parse(code))
    wrapper = MetadataWrapper(cst.parse_module(code))
    positions = wrapper.resolve(PositionProvider)
    name = path.relative_to(ROOT).as_posix()

    def visit(node: cst.CSTNode) -> Iterator[Mutant]:
        if _skipped(node):
            return
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                for changed in operator(node):
                    start = positions[node].start.line
                    yield Mutant(
                        name,
                        statements.get(start, (start, positions[node].end.line)),
                        _one_line(wrapper.module.code_for_node(node)),
                        _one_line(wrapper.module.code_for_node(changed)),
                        lambda node=node, changed=changed: wrapper.module.deep_replace(node, changed).code,
                    )
        for child in node.children:
            yield from visit(child)

    yield from visit(wrapper.module)


def _compiles(mutant: Mutant) -> bool:
    try:
        compile(mutant.text(), mutant.path, "exec")
    except SyntaxError:
        return False
    return True


def _one_line(code: str) -> str:
    return " ".join(code.split())


def _statements(tree: ast.Module) -> dict[int, tuple[int, int]]:
    """The lines of the statement that each line belongs to; of a compound one, those of its head."""
    lines: dict[int, tuple[int, int]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = node.end_lineno or node.lineno
            if body and not isinstance(node, ast.FunctionDef):
                last = max(node.lineno, body[0].lineno - 1)
            for line in range(node.lineno, last + 1):
                lines[line] = (node.lineno, last)
    return lines


def _seconds() -> float:
    """Of processor time so far, that of processes that have ended too: on a busy machine it stays what it is."""
    return sum(os.times()[:4])


class Watched:
    """A pytest plugin: seconds of each test, and, while coverage runs, which test executes a line."""

    def __init__(self, coverage: object | None = None, only: Mapping[str, float] | None = None) -> None:
        self.coverage, self.only = coverage, only
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests asked for, quickest first."""
        if self.only is not None:
            items[:] = sorted((item for item in items if item.nodeid in self.only), key=lambda i: self.only[i.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Name the lines that run from here on after the test."""
        start = _seconds()
        if self.coverage is not None:
            self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            if self.coverage is not None:
                self.coverage.switch_context("")
            self.seconds[item.nodeid] = _seconds() - start

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails without any change."""
        if not report.passed:
            self.failed.add(report.nodeid)


def coverage_map(tests: Sequence[str], at: Path) -> dict[str, object]:
    """Which tests run which lines, and how long each takes; kept in a file."""
    if not at.exists() and not _forked(lambda: _cover(tests, at), seconds=3600):
        raise SystemExit("the unit tests cannot be run")
    return json.loads(at.read_text("utf-8"))


def _cover(tests: Sequence[str], at: Path) -> int:
    import coverage

    measured = coverage.Coverage(data_file=None, include=[f"{ROOT}/relevance/*"], config_file=False, messages=False)
    watched = Watched(measured)
    measured.start()
    pytest.main([*QUIET, *tests], plugins=[watched])
    measured.stop()
    data = measured.get_data()
    lines: dict[str, dict[int, list[str]]] = {}
    for file in data.measured_files():
        named = {line: [test for test in by if test] for line, by in data.contexts_by_lineno(file).items()}
        lines[Path(file).relative_to(ROOT).as_posix()] = {line: by for line, by in named.items() if by}
    usable = {
        test: seconds for test, seconds in watched.seconds.items() if test not in watched.failed and seconds <= SLOW_S
    }
    kept = {"seconds": usable, "lines": lines, "unusable": sorted(watched.failed), "modules": _libraries()}
    at.write_text(json.dumps(kept), "utf-8")
    return 1


def _libraries() -> list[str]:
    """What the tests have imported and no mutant touches; not what starts threads, which a fork would lose."""
    left_out = ("torch", "transformers", "sentence_transformers", "pytest", "_pytest", "xdist")
    return [
        name
        for name, module in sys.modules.items()
        if "site-packages" in str(getattr(module, "__file__", "")) and not name.startswith(left_out)
    ]


def _tests_of(mutant: Mutant, lines: Mapping[str, Mapping[str, Sequence[str]]]) -> tuple[set[str], Counter[str]]:
    """The tests that execute a mutant, and how near each test file is to its module.

    A line that runs when its module is imported has none of its own: then all that run anything of the file or, where
    it holds only tables, of its folder.
    """
    own = lines.get(mutant.path, {})
    near = Counter(test.partition("::")[0] for by in own.values() for test in by)
    tests = {test for line in range(mutant.lines[0], mutant.lines[1] + 1) for test in own.get(str(line), ())}
    if not tests:
        tests = {test for by in own.values() for test in by}
    if not tests:
        folder = str(Path(mutant.path).parent)
        beside = [by for path, file in lines.items() if str(Path(path).parent) == folder for by in file.values()]
        tests = {test for by in beside for test in by}
        near = Counter(test.partition("::")[0] for by in beside for test in by)
    return tests, near


def _quickest(tests: Collection[str], seconds: Mapping[str, float]) -> dict[str, float]:
    kept: dict[str, float] = {}
    total = 0.0
    for test in sorted((test for test in tests if test in seconds), key=lambda test: (seconds[test], test)):
        total += seconds[test]
        if total > STEP_S:
            break
        kept[test] = seconds[test]
    return kept


def judge(mutant: Mutant, lines: Mapping[str, Mapping[str, Sequence[str]]], seconds: Mapping[str, float]) -> str:
    """Whether the unit tests kill a mutant: `killed`, `timeout` or `survived`."""
    tests, near = _tests_of(mutant, lines)
    nearest = {file for file, _ in near.most_common(3)}
    first = _quickest([test for test in tests if test.partition("::")[0] in nearest], seconds)
    rest = _quickest([test for test in tests if test.partition("::")[0] not in nearest], seconds)
    outcome = "survived"
    path = ROOT / mutant.path
    original, times = path.read_bytes(), path.stat()
    try:
        path.write_text(mutant.text(), "utf-8")
        # no compiled file of another second may pass for this one
        os.utime(path, (1_000_000_000, 1_000_000_000))
        for only in filter(None, (first, rest)):
            outcome = _outcome(only)
            if outcome != "survived":
                break
    finally:
        path.write_bytes(original)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return outcome


def _outcome(only: Mapping[str, float]) -> str:
    files = sorted({test.partition("::")[0] for test in only})
    code = _forked(
        lambda: pytest.main([*QUIET, "-x", *files], plugins=[Watched(only=only)]), seconds=20 + 4 * sum(only.values())
    )
    if code is None:
        return "timeout"
    return OUTCOMES.get(code, "killed")


def _forked(work: object, *, seconds: float) -> int | None:
    """The exit code of some work in a process of its own; none where it takes more seconds of processor time."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.setsid()
            sys.dont_write_bytecode = seconds < 3600  # the first run may keep what it compiles
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
            silent = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silent, stream)
            code = int(work())
        finally:
            os._exit(code)
    until = time.monotonic() + 10 * seconds
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge a sample, and write what came out after each mutant; a run that was stopped goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--tests", nargs="+", default=["tests/unit"])
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--seed", type=int, default=15)
    options = parser.parse_args(arguments)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    files = [file for path in options.paths for file in sorted((ROOT / path).rglob("*.py") or [])]
    files += [ROOT / path for path in options.paths if path.suffix == ".py"]
    everything = [mutant for file in sorted(files) for mutant in mutants_of(file)]
    random.Random(options.seed).shuffle(everything)  # noqa: S311
    chosen = list(islice(filter(_compiles, everything), options.sample))
    covered = coverage_map(options.tests, options.out.with_suffix(".coverage.json"))
    # libraries are imported once
    for name in covered["modules"]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    done = json.loads(options.out.read_text("utf-8"))["mutants"] if options.out.exists() else []
    start = time.monotonic()
    for mutant in chosen[len(done) :]:
        outcome = judge(mutant, covered["lines"], covered["seconds"])
        line = mutant.lines[0]
        done.append({"at": f"{mutant.path}:{line}", "from": mutant.before, "to": mutant.after, "outcome": outcome})
        total = {"mutants possible": len(everything), "seed": options.seed, **Counter(row["outcome"] for row in done)}
        options.out.write_text(json.dumps({**total, "mutants": done}, indent=1), "utf-8")
        print(f"{len(done)}/{len(chosen)} {time.monotonic() - start:.0f} s {outcome} {done[-1]['at']}", flush=True)
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    for row in done:
        rooms["/".join(row["at"].partition(":")[0].split("/")[:2])][row["outcome"]] += 1
    for room, counts in sorted(rooms.items()):
        print(f"{room}: {1 - counts['survived'] / counts.total():.1%} of {counts.total()} killed, {dict(counts)}")


if __name__ == "__main__":
    main()
