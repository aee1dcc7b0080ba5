"""Several processes encode one job: the same vectors, and nothing left behind however it ends."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from relevance.embeddings import Encoder, Model
from relevance.embeddings.cache import SUFFIX
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

HERE = Path(__file__).resolve()
WIDTH = 8
PROMPTS = {"query": "query: ", "document": ""}
MODEL = Model(
    name="made", path=Path("made"), sha256="0" * 64, fingerprint="f" * 64,
    dimensions=WIDTH, query_prompt="query: ", max_tokens=6,
)  # fmt: skip
TEXTS = [f"hammer number {number}" for number in range(1100)]
LONGEST_WAIT = 60
LOCKS: list[object] = []


class MadeModel:
    """A model whose vectors are made of the text's hash.

    Args:
        processes: how many share the work; 0 for none.
        fault: what a copy does: `load` and `encode` raise there, `die` ends its process, `sleep` takes long.
    """

    device = "made"

    def __init__(self, processes: int = 0, fault: str = "") -> None:
        self.processes = processes
        self.fault = fault

    def copies(self, tokens: int) -> list[Callable[[], MadeModel]]:
        """Copies that share the fault."""
        assert tokens >= 5 * len(TEXTS)
        return [partial(load_copy, self.fault)] * self.processes

    def token_counts(self, texts: Sequence[str], side: str) -> list[int]:
        """Words, and two special tokens."""
        return [len((PROMPTS[side] + text).split()) + 2 for text in texts]

    def encode(self, texts: Sequence[str], side: str) -> npt.NDArray[np.float32]:
        """Made vectors, unless there is a fault."""
        if self.fault == "encode":
            raise CouldNotRunError("made to fail")
        if self.fault == "die":
            os._exit(7)
        if self.fault == "sleep":
            time.sleep(0.1)
        seeds = [int.from_bytes(hashlib.sha256((PROMPTS[side] + text).encode()).digest()[:8], "big") for text in texts]
        return np.stack([np.random.default_rng(seed).normal(size=WIDTH) for seed in seeds]).astype(np.float32)


def load_copy(fault: str) -> MadeModel:
    """What a process loads."""
    if fault == "load":
        raise InputError("cannot be loaded")
    model = MadeModel(fault=fault)
    LOCKS.append(multiprocessing.get_context("spawn").RLock())  # as the model's libraries make some
    return model


def encoder(folder: Path, processes: int = 0, fault: str = "") -> Encoder:
    """An encoder of the made model."""
    return Encoder(MODEL, folder, progress=False, load=lambda _: MadeModel(processes, fault))


def contents(folder: Path) -> dict[str, bytes]:
    """The shards under a folder."""
    return {path.name: path.read_bytes() for path in folder.rglob(f"*{SUFFIX}")}


def test_the_number_of_processes_changes_no_byte(tmp_path: Path) -> None:
    """One process, two, and more than there are messages write the same shards."""
    found = []
    for processes in (0, 2, 6):
        folder = tmp_path / str(processes)
        encoder(folder, processes).products(TEXTS, label="x")
        found.append(contents(folder))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 1
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("load", InputError, "cannot be loaded"),
        ("encode", CouldNotRunError, "made to fail"),
        ("die", CouldNotRunError, r"ended \(exit code 7\)"),
    ],
)
def test_what_goes_wrong_in_a_process_is_one_line(
    tmp_path: Path, fault: str, error: type[Exception], message: str
) -> None:
    """The error is that of one process, the others end, and nothing is cached."""
    with pytest.raises(error, match=message) as caught:
        encoder(tmp_path, 2, fault).products(TEXTS, label="x")
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()
    assert not contents(tmp_path)


def workers(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that encode."""
    children = psutil.Process(run.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def launched(folder: Path, fault: str) -> subprocess.Popen[str]:
    """Run this file, which encodes in two processes."""
    return subprocess.Popen(  # noqa: S603 - own script
        [sys.executable, str(HERE), str(folder), fault],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_run_that_ends_says_nothing(tmp_path: Path) -> None:
    """No process complains, and none leaves a semaphore, which would be told at the end."""
    run = launched(tmp_path, "")
    assert (*run.communicate(timeout=LONGEST_WAIT), run.returncode) == ("", "", 0)
    assert contents(tmp_path)


def start(folder: Path, *, at_work: bool) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """Encode slowly in two processes of a run of its own; wait until both are there, or have written a shard."""
    run = launched(folder, "sleep")
    deadline = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < deadline and not (contents(folder) if at_work else len(workers(run)) == 2):
        time.sleep(0.01)
    assert len(workers(run)) == 2
    return run, psutil.Process(run.pid).children(recursive=True)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("at_work", [True, False], ids=["at work", "starting"])
@pytest.mark.parametrize("to_all", [True, False], ids=["from the terminal", "to the run alone"])
def test_an_interrupt_leaves_no_process_and_no_file(tmp_path: Path, *, to_all: bool, at_work: bool) -> None:
    """The processes say nothing and are gone when the run is; whole shards stay, no temporary file does."""
    run, children = start(tmp_path, at_work=at_work)
    (os.killpg if to_all else os.kill)(run.pid, signal.SIGINT)
    noise = run.communicate(timeout=LONGEST_WAIT)[1]
    assert run.returncode == -signal.SIGINT
    assert noise.count("Traceback") == noise.count("KeyboardInterrupt") == 1, noise
    assert "leaked" not in noise
    assert not psutil.wait_procs(children, timeout=5)[1]
    assert bool(contents(tmp_path)) == at_work
    assert not list(tmp_path.rglob("*.relevance-tmp"))


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupt_never_reaches_the_processes(tmp_path: Path) -> None:
    """Not even while they start, when it would have each of them print a traceback: the run alone decides."""
    run, _ = start(tmp_path, at_work=False)
    for process in workers(run):
        process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < deadline and run.poll() is None and not contents(tmp_path):
        time.sleep(0.02)
    run.kill()
    assert run.communicate()[1] == ""
    assert contents(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("at_work", [True, False], ids=["at work", "starting"])
def test_a_killed_run_takes_its_processes_along(tmp_path: Path, *, at_work: bool) -> None:
    """SIGKILL leaves nobody to clean up: the processes see their pipe closed and end, the sleeping ones last.

    One that is killed before it handed a process its work has that process complain, from inside multiprocessing.
    """
    run, children = start(tmp_path, at_work=at_work)
    run.kill()
    noise = run.communicate(timeout=LONGEST_WAIT)[1]
    assert not psutil.wait_procs(children, timeout=LONGEST_WAIT)[1]
    assert noise == "" or (not at_work and "EOFError: Ran out of input" in noise)


if __name__ == "__main__":
    # whoever started the tests may have it ignored, as a shell does for what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
    encoder(Path(sys.argv[1]), 2, sys.argv[2]).products([f"saw number {number}" for number in range(20_000)], label="x")
