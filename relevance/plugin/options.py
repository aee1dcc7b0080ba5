"""The options, and the configuration that they, the environment and the file make."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.config import FILE_NAME, add_options, given_options

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from relevance.config import Config

__all__ = ["BASELINES", "pytest_addoption", "read", "with_floors"]

BASELINES = "baselines"
"""The folder of baselines, beside the benchmarks' file."""

_FLOORS = "thresholds.toml"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options, in a group of their own."""
    group = parser.getgroup("relevance", "ranking strategies and their benchmarks")
    add_options(group.addoption)
    group.addoption("--suggest-floors", action="store_true", help="print floors just below what this run measured")
    group.addoption(
        "--update-baseline",
        action="store_true",
        help="make this run the baseline, baselines/DATASET.json beside the benchmarks, where no floor is missed",
    )


def _config_file(config: pytest.Config) -> Path | None:
    """The file that was named, else the one in pytest's root folder, None where there is none."""
    named: str | None = config.getoption("--config")
    if named is not None:
        return config.invocation_params.dir / named
    file = config.rootpath / FILE_NAME
    return file if file.exists() else None


def read(config: pytest.Config) -> Config:
    """The configuration in force.

    Raises:
        InputError: see `read_config`.
    """
    from relevance.config import read_config  # noqa: PLC0415 - pandas and numpy: pytest --help stays fast

    return read_config(
        options=given_options(config.option),
        environ=os.environ,
        file=_config_file(config),
        root=config.rootpath,
        cwd=config.invocation_params.dir,
    )


def with_floors(config: Config, *, beside: Path) -> Config:
    """With the floors beside the benchmarks' file, where none were named and there are some."""
    file = beside.parent / _FLOORS
    return replace(config, floors=file) if config.floors is None and file.exists() else config
