"""The options, and what they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from relevance.strategies import Strategy
    from relevance.suite import Settings

__all__ = ["chosen_strategies", "floors_file", "out_folder", "pytest_addoption", "settings"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options, in a group of their own."""
    group = parser.getgroup("relevance", "ranking strategies and their benchmarks")
    add = group.addoption
    add("--dataset", default="sample", metavar="NAME[:PATH]", help="data set to measure on (default: sample)")
    add("--strategy", action="append", default=[], metavar="NAME", help="run this strategy; may be given repeatedly")
    add("--model", metavar="NAME_OR_PATH", help="embedding model (default: the packaged all-MiniLM-L6-v2)")
    add("--query-prompt", metavar="TEXT", help="text before every query (default: the model's own query prompt)")
    add("--max-tokens", type=int, metavar="N", help="cut texts at this many tokens (default: the model's limit)")
    add("--device", metavar="NAME", help="where the model runs: cpu, cuda, cuda:1, mps (default: the best there is)")
    add("--cache-dir", type=Path, metavar="DIR", help="where embeddings are kept (default: the user's cache folder)")
    add("--floors", type=Path, metavar="FILE", help="floors (default: thresholds.toml beside the benchmarks)")
    add("--suggest-floors", action="store_true", help="print floors just below what this run measured")
    add("--out", type=Path, metavar="DIR", help="folder of results, replaced whole (default: .relevance/latest)")


def chosen_strategies(config: pytest.Config) -> Sequence[Strategy]:
    """The strategies that were named, or all.

    Raises:
        InputError: there is no strategy of a name.
    """
    from relevance.strategies import STRATEGIES, named  # noqa: PLC0415 - pytest --help stays fast

    names = config.getoption("--strategy")
    return [named(name) for name in dict.fromkeys(names)] if names else list(STRATEGIES.values())


def settings(config: pytest.Config, *, beside: Path) -> Settings:
    """What the options ask for; `beside` is the benchmarks' file."""
    from relevance import embeddings, suite  # noqa: PLC0415 - numpy and pandas are loaded where benchmarks run

    option = config.getoption
    choice = embeddings.ModelChoice(
        model=option("--model"),
        query_prompt=option("--query-prompt"),
        max_tokens=option("--max-tokens"),
        device=option("--device"),
    )
    cache_dir = option("--cache-dir") or embeddings.default_cache_dir()
    return suite.Settings(option("--dataset"), choice, cache_dir, floors_file(config, beside=beside))


def floors_file(config: pytest.Config, *, beside: Path) -> Path | None:
    """The file that was named, which must be there, or the one beside the benchmarks, which may be missing."""
    named: Path | None = config.getoption("--floors")
    if named is not None:
        return named
    default = beside.parent / "thresholds.toml"
    return default if default.exists() else None


def out_folder(config: pytest.Config) -> Path:
    """Where the results go."""
    out: Path | None = config.getoption("--out")
    return config.rootpath / ".relevance" / "latest" if out is None else config.invocation_params.dir / out
