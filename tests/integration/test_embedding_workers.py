"""Several processes encode one job: the same vectors, and nothing left behind however it ends."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from helpers.encoding import FakeModel, encoder, shards

from relevance.errors import CouldNotRunError, InputError

HERE = Path(__file__).resolve()
TEXTS = [f"hammer number {number}" for number in range(1100)]
LONGEST_WAIT = 60
posix = pytest.mark.skipif(os.name != "posix", reason="signals")


def test_the_number_of_processes_changes_no_byte(tmp_path: Path) -> None:
    # six are more than there are batches
    contents = []
    for processes in (0, 2, 6):
        folder = tmp_path / str(processes)
        encoder(folder, FakeModel(processes=processes)).products(TEXTS[: 1100 if processes < 6 else 60], label="x")
        contents.append([(path.name, path.read_bytes()) for path in shards(folder)])
    assert contents[0] == contents[1]
    assert [len(files) for files in contents] == [1, 1, 1]
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
    with pytest.raises(error, match=message) as caught:
        encoder(tmp_path, FakeModel(fault, processes=2)).products(TEXTS, label="x")
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()
    assert not shards(tmp_path)


def workers(run: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(run.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def launched(folder: Path, fault: str) -> subprocess.Popen[str]:
    """Run this file, which encodes in two processes."""
    return subprocess.Popen(  # noqa: S603 - own script
        [sys.executable, str(HERE), str(folder), fault],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, HERE.parents[1:3]))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < deadline and not there():
        time.sleep(0.01)


def start(folder: Path, *, at_work: bool) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """Encode slowly; wait until both processes are there, or have written a shard."""
    run = launched(folder, "sleep")
    wait_for(lambda: shards(folder) if at_work else len(workers(run)) == 2)
    assert len(workers(run)) == 2
    return run, psutil.Process(run.pid).children(recursive=True)


def test_a_run_that_ends_says_nothing(tmp_path: Path) -> None:
    # a semaphore that is left would be told at the end
    run = launched(tmp_path, "")
    assert (*run.communicate(timeout=LONGEST_WAIT), run.returncode) == ("", "", 0)
    assert shards(tmp_path)


@posix
@pytest.mark.parametrize("at_work", [True, False], ids=["at work", "starting"])
@pytest.mark.parametrize("to_all", [True, False], ids=["from the terminal", "to the run alone"])
def test_an_interrupt_leaves_no_process_and_no_file(tmp_path: Path, *, to_all: bool, at_work: bool) -> None:
    run, children = start(tmp_path, at_work=at_work)
    (os.killpg if to_all else os.kill)(run.pid, signal.SIGINT)
    noise = run.communicate(timeout=LONGEST_WAIT)[1]
    assert run.returncode == -signal.SIGINT
    assert noise.count("Traceback") == noise.count("KeyboardInterrupt") == 1, noise
    assert "leaked" not in noise
    assert not psutil.wait_procs(children, timeout=5)[1]
    assert bool(shards(tmp_path)) == at_work
    assert not list(tmp_path.rglob("*.relevance-tmp"))


@posix
def test_an_interrupt_never_reaches_the_processes(tmp_path: Path) -> None:
    # not even while they start, when it would have each of them print a traceback: the run alone decides
    run, _ = start(tmp_path, at_work=False)
    for process in workers(run):
        process.send_signal(signal.SIGINT)
    wait_for(lambda: run.poll() is not None or shards(tmp_path))
    run.kill()
    assert run.communicate()[1] == ""
    assert shards(tmp_path)


@posix
@pytest.mark.parametrize("at_work", [True, False], ids=["at work", "starting"])
def test_a_killed_run_takes_its_processes_along(tmp_path: Path, *, at_work: bool) -> None:
    # one that is killed before it handed a process its work has that process complain, from inside multiprocessing
    run, children = start(tmp_path, at_work=at_work)
    run.kill()
    noise = run.communicate(timeout=LONGEST_WAIT)[1]
    assert not psutil.wait_procs(children, timeout=LONGEST_WAIT)[1]
    assert noise == "" or (not at_work and "EOFError: Ran out of input" in noise)


if __name__ == "__main__":
    # whoever started the tests may have it ignored, as a shell does for what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
    texts = [f"saw number {number}" for number in range(20_000)]
    encoder(Path(sys.argv[1]), FakeModel(sys.argv[2], processes=2)).products(texts, label="x")
