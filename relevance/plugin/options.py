"""The options, and the configuration that they, the environment and the file make."""

from __future__ import annotations

import argparse
import os
import shlex
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relevance.config import FILE_NAME, add_options, option_keys, parsed_options
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.config import Config

LISTING = (
    ("--collect-only", "--collectonly", "--co"),
    ("--setup-plan", "--setupplan"),
    ("--fixtures", "--funcargs"),
    ("--fixtures-per-test",),
)
"""pytest's own options of sessions that run no test, each with its other names."""

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


def given_options(config: pytest.Config) -> dict[str, dict[str, object]]:
    """The options of ours by name, by where they were set: "" is the command line, then `PYTEST_ADDOPTS`, `addopts`.

    pytest makes one line of all three. What a plugin or a `conftest.py` adds to it counts as `addopts`: it comes with
    the tests, and must not outrank what whoever starts the session has set.
    """
    given = {place: parsed_options(namespace) for place, namespace in _started_with(config).items()}
    known = {name for options in given.values() for name in options}
    rest = {name: value for name, value in parsed_options(config.option).items() if name not in known}
    return {**given, "addopts": rest}


def updates_baseline(config: pytest.Config) -> bool:
    """Whether the session makes a new baseline.

    Raises:
        InputError: the project says so: no session of it would be compared with anything.
    """
    if not config.getoption("--relevance-update-baseline"):
        return False
    if not any(namespace.relevance_update_baseline for namespace in _started_with(config).values()):
        problem = "option of addopts --update-baseline: no session would be compared with a baseline"
        raise InputError(f"{problem}; allowed: on the command line")
    return True


def only_lists(config: pytest.Config) -> bool:
    """Whether no test runs, as whoever started the session wants it; in CI nobody is there to have typed `addopts`."""
    started = _started_with(config).values()
    given = any(getattr(namespace, _listing(names)) for namespace in started for names in LISTING)
    options = ("collectonly", "setupplan", "showfixtures", "show_fixtures_per_test")
    return any(getattr(config.option, name, False) for name in options) and (given or not in_ci())


def gates(config: pytest.Config) -> bool:
    """Whether whoever started the session says that it gates, so that one that measures nothing has failed."""
    given = any(namespace.relevance_gate_from_baseline for namespace in _started_with(config).values())
    return given or os.environ.get("RELEVANCE_GATE_FROM_BASELINE", "").lower() in {"1", "true"}


def _listing(names: Sequence[str]) -> str:
    return f"listing_{names[0]}"


def _started_with(config: pytest.Config) -> dict[str, argparse.Namespace]:
    """What the command line ("") and `PYTEST_ADDOPTS` say, each by itself."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, fromfile_prefix_chars="@")
    taken = taken_names(config)

    def add(name: str, **settings: Any) -> None:
        parser.add_argument(long_name(name), *(() if name in taken else (name,)), **settings)

    add_options(add)
    add("--update-baseline", action="store_true", dest="relevance_update_baseline")
    for names in LISTING:
        parser.add_argument(*names, action="store_true", dest=_listing(names))
    lines = {"": config.invocation_params.args, "PYTEST_ADDOPTS": shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))}
    return {place: parser.parse_known_args([*map(str, line)])[0] for place, line in lines.items()}


def check_root(config: pytest.Config) -> None:
    """Refuse a root folder that the value of an option of ours has moved.

    pytest looks for its root before it loads a plugin: it does not know yet that `--model` takes a value, and takes a
    file or folder behind it for one of tests.

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
        if name in names and os.path.exists(here / value):  # noqa: PTH110 - a value too long for a path is none
            raise InputError(
                f"pytest took {value} behind {name} for a file or folder of tests, its root is {root} now; "
                f"write {name}={value}"
            )


def config_file_of(folder: Path, config: pytest.Config) -> Path | None:
    """Find the configuration of benchmarks: that of `--config`, else the nearest `relevance.toml`.

    It is not looked for above pytest's root folder. Of benchmarks outside of it, which another project has, not above
    that project: not where it has pytest's root folder beside it.
    """
    if named := config.getoption("--relevance-config"):
        file: Path = config.invocation_params.dir / named
        return file
    root = config.rootpath
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


def read_config_of(folder: Path, config: pytest.Config) -> Config:
    """Read the configuration in force for benchmarks; the floors beside them count where none are named.

    Raises:
        InputError: see `relevance.config.reading.read_config`.
    """
    from relevance.config.reading import read_config  # noqa: PLC0415 - pandas and numpy: pytest --help stays fast

    given = given_options(config)
    own = read_config(
        options=given.pop(""),
        addopts=given,
        environ=os.environ,
        file=config_file_of(folder, config),
        root=config.rootpath,
        cwd=config.invocation_params.dir,
    )
    floors = folder / "thresholds.toml"
    return replace(own, floors=floors) if own.floors is None and floors.exists() else own


def in_ci() -> bool:
    """Whether `CI` is set to something else than no."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}
