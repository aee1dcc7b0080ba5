"""The options, and the configuration that they, the environment and the file make."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relevance.config import FILE_NAME, add_options, given_options, option_keys
from relevance.errors import InputError

if TYPE_CHECKING:
    from relevance.config import Config

_FLOORS = "thresholds.toml"
_PREFIX = "--relevance-"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options as `--relevance-NAME`, and as `--NAME` where no other plugin has that name."""
    group = parser.getgroup("relevance", "ranking strategies and their benchmarks (each as --relevance-NAME, too)")

    def add(name: str, **settings: Any) -> None:
        # an empty list is the default of one option alone: `taken_names` knows it by its identity
        settings = {"dest": _dest(name), "default": []} | settings
        settings["default"] = [] if settings["default"] is None else settings["default"]
        for names in ((name, long_name(name)), (long_name(name),)):
            with suppress(ValueError, argparse.ArgumentError):
                group.addoption(*names, **settings)
                return
        raise pytest.UsageError(
            f"{long_name(name)} is an option of another plugin or conftest.py; give that one another name"
        )

    add_options(add)
    add("--suggest-floors", action="store_const", const=True, help="print floors just below what this run measured")
    add(
        "--update-baseline",
        action="store_const",
        const=True,
        help="make this run the baseline, baselines/DATASET.json beside the benchmarks, where no floor is missed",
    )
    # a plugin or conftest.py that comes later and adds --device takes that name, where it would end in a traceback
    for container in (parser.optparser, *parser.optparser._action_groups):  # noqa: SLF001 - argparse has no other way
        container.conflict_handler = "resolve"


def long_name(name: str) -> str:
    """The name under which an option is always ours: `--relevance-device` for `--device`."""
    return name.replace("--", _PREFIX, 1)


def _dest(name: str) -> str:
    return long_name(name).removeprefix("--").replace("-", "_")


def _names() -> list[str]:
    return ["--config", "--suggest-floors", "--update-baseline", *(key.option for key in option_keys())]


def taken_names(config: pytest.Config) -> list[str]:
    """The short names that belong to another plugin."""
    ours = (name for name in _names() if hasattr(config.option, _dest(name)))
    return [name for name in ours if config.getoption(name) is not config.getoption(long_name(name))]


def check_root(config: pytest.Config) -> None:
    """Refuse a root folder that the value of an option of ours has moved.

    pytest looks for its root before it loads a plugin: it does not know yet that `--model` takes a value, and takes a
    folder behind it for one of tests.

    Raises:
        InputError: it has; the line says how to write the option.
    """
    here, root = config.invocation_params.dir, config.rootpath
    asked_for = config.known_args_namespace.rootdir or config.known_args_namespace.inifilename
    above = (here, *here.parents)
    ours = root in above and not any((folder / FILE_NAME).exists() for folder in above[: above.index(root)])
    if asked_for or ours:
        return
    names = {*_names(), *map(long_name, _names())}
    for name, value in pairwise(map(str, config.invocation_params.args)):
        if name in names and (here / value).exists():
            raise InputError(
                f"pytest took {value} behind {name} for a folder of tests, its root is {root} now; write {name}={value}"
            )


def read(config: pytest.Config, file: Path | None) -> Config:
    """Read the configuration in force: `--config` outranks the file that was found.

    Raises:
        InputError: see `read_config`; or pytest's root folder is not the project's.
    """
    check_root(config)
    from relevance.config import read_config  # noqa: PLC0415 - pandas and numpy: pytest --help stays fast

    named = config_option(config)
    return read_config(
        options=given_options(config.option),
        environ=os.environ,
        file=file if named is None else named,
        root=config.rootpath,
        cwd=config.invocation_params.dir,
    )


def config_option(config: pytest.Config) -> Path | None:
    """The file of `--config`, None where the option was not given."""
    named: str = config.getoption("--relevance-config")
    return config.invocation_params.dir / named if named else None


def with_floors(config: Config, *, beside: Path) -> Config:
    """Take the floors of a folder of benchmarks, where none were named and there are some."""
    file = beside / _FLOORS
    return replace(config, floors=file) if config.floors is None and file.exists() else config


def config_file_of(folder: Path, root: Path) -> Path | None:
    """Find the configuration of benchmarks: the nearest `relevance.toml`, not above pytest's root folder.

    Of benchmarks outside of it, which another project has, not above that project: not where it has pytest's root
    folder beside it.
    """
    inside = folder.is_relative_to(root)
    top = root if inside else Path(os.path.commonpath([folder, root]))
    for parent in (folder, *folder.parents):
        if parent == top and not inside:
            return None
        if (parent / FILE_NAME).is_file():
            return parent / FILE_NAME
        if parent == top:
            return None
    return None


def in_ci() -> bool:
    """Whether `CI` is set to something else than no."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}
