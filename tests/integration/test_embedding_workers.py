"""The library's pool of processes encodes one job: nothing is left behind however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from relevance.embeddings import Encoder, resolve, sentence_model
from relevance.embeddings.cache import _GROWING

pytestmark = [pytest.mark.needs("model"), pytest.mark.skipif(os.name != "posix", reason="signals")]

HERE = Path(__file__).resolve()
LONGEST_WAIT = 600  # a busy machine takes minutes to import torch three times


@pytest.fixture(params=["stopped", "killed", "a process killed"])
def end(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(tiny: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """This file, which encodes in two processes."""
    process = subprocess.Popen(  # noqa: S603 - own script
        [sys.executable, str(HERE), str(tmp_path), str(tiny)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, HERE.parents[1:3]))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def wait_for(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < deadline and not there():
        time.sleep(0.05)


def test_nothing_is_left_and_what_was_encoded_is_kept(run: subprocess.Popen[str], tmp_path: Path, end: str) -> None:
    # Ctrl-C of the terminal reaches all processes: the run alone says that it was interrupted
    wait_for(lambda: any(path.stat().st_size for path in tmp_path.rglob(f"*{_GROWING}")) or run.poll() is not None)
    assert any(path.stat().st_size for path in tmp_path.rglob(f"*{_GROWING}")), "it ended, or wrote nothing in time"
    children = psutil.Process(run.pid).children(recursive=True)
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    if end == "stopped":
        os.killpg(run.pid, signal.SIGINT)
    elif end == "killed":
        run.kill()
    else:
        workers[0].kill()
    noise = run.communicate(timeout=LONGEST_WAIT)[1]
    assert not psutil.wait_procs(children, timeout=30)[1]
    assert any(path.stat().st_size for path in tmp_path.rglob("*.vectors"))
    # no process but the run complains
    assert noise.count("Traceback") == {"stopped": 1, "killed": 0}.get(end, noise.count("Traceback")), noise
    assert "leaked" not in noise or end == "killed"
    last = {"stopped": "KeyboardInterrupt", "killed": "", "a process killed": "died unexpectedly"}[end]
    # one that is killed between two of its jobs is missed by nobody: the other encodes the rest
    assert last in (noise.splitlines() or [""])[-1] or (end == "a process killed" and run.returncode == 0)


if __name__ == "__main__":
    # whoever started the tests may have it ignored, as a shell does for what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(sys.argv[1])
    sentence_model._WORTH_A_POOL["cpu"] = 0
    sentence_model.SentenceModel._devices = lambda *_: (["cpu"] * 2, 1)  # type: ignore[method-assign]
    encoder = Encoder(resolve(sys.argv[2], device="cpu"), folder / "cache", progress=False)
    encoder.products([f"red lamp number {number}" for number in range(100_000)], label="x")
