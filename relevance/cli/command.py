"""The commands: what their help says, which arguments they take, and what they share when they run."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from relevance import config
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from relevance.report.folder import Content

FAILED, BAD_INPUT, COULD_NOT_RUN, INTERRUPTED = 1, 2, 3, 130
"""Exit codes."""


@dataclass(frozen=True)
class Answer:
    """How a command ended; nothing is printed within one.

    Attributes:
        code: the exit code.
        lines: for the standard output.
        errors: for the standard error, one line each.
        details: further lines of the last error, such as the end of a log.
    """

    code: int
    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


# what compares a session with earlier ones would change nothing for a command that compares with none
_OF_SESSIONS = ("--baseline", "--require-baseline", "--on-common-queries")
_SHARE, _SEED = 0.5, 12


def _add_options(
    parser: argparse.ArgumentParser,
    command: str = "",
    *,
    without: Collection[str] = (),
    helps: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add `--config` and the options of the configuration's keys, with another help where one means something else."""

    def add(name: str, **settings: Any) -> None:
        if name not in without:
            parser.add_argument(name, **{**settings, "help": helps.get(name, settings["help"])})

    config.add_options(add, command)


def _whole_number(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from 1 to {most:,}")
        return int(text)

    return read


def _init(parser: argparse.ArgumentParser) -> None:
    """Write a working project: a small catalogue, a configuration, benchmarks, floors, a CI workflow."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="a new folder, or an empty one")


def _check(parser: argparse.ArgumentParser) -> None:
    """Read everything that the configuration names and say what was found and what is wrong; no model is loaded."""
    _add_options(parser)


def _config(parser: argparse.ArgumentParser) -> None:
    """Print what is in force and where each value comes from: an option, the environment, a file, a default."""
    _add_options(parser)


def _finetune(parser: argparse.ArgumentParser) -> None:
    """Fine-tune the embedding model on the data set's pairs, and report what that changed on the benchmark."""
    text = "train so many times, with seeds that follow each other; the model of the first is what benchmarks take"
    parser.add_argument("--seeds", type=_whole_number(100), default=1, metavar="N", help=text)
    _add_options(parser, "finetune", without=_OF_SESSIONS)


def _tune(parser: argparse.ArgumentParser) -> None:
    """Search for better boosts on half of the queries, and report what they are worth on the other half."""
    parser.add_argument("kind", metavar="KIND", help="what is tuned: text, multifield or hybrid")
    grid = "boosts to try for a field in the place of the usual ones; one boost keeps it fixed; repeatable"
    parser.add_argument("--grid", action="append", default=[], metavar="FIELD=N[,N]", help=grid)
    parser.add_argument("--without", action="append", default=[], metavar="FIELD", help="leave a field out; repeatable")
    share = f"share of the queries that boosts are chosen on (default: {_SHARE})"
    parser.add_argument("--share", type=float, default=_SHARE, metavar="SHARE", help=share)
    seed = f"of split and interval (default: {_SEED})"
    parser.add_argument("--seed", type=int, default=_SEED, metavar="N", help=seed)
    tuned = "textsearch_boosted, vectorsearch_multifield_boosted or hybrid_boosted"
    helps = {
        "--strategy": f"strategy whose boosts are tuned (default: {tuned})",
        "--out": "folder of results, replaced whole (default: tune-KIND beside the folder of benchmark results)",
    }
    _add_options(parser, without=("--floors", *_OF_SESSIONS), helps=helps)


def _compare(parser: argparse.ArgumentParser) -> None:
    """Compare what two runs measured, as the gate does: verdict, queries won and lost; no data or model is read."""
    side = "a folder of results (--out), or a baseline file"
    parser.add_argument("before", metavar="BEFORE", help=f"what was: {side}")
    parser.add_argument("after", metavar="AFTER", help=f"what is: {side}")
    file = "configuration with the limits (default: relevance.toml)"
    parser.add_argument("--config", dest="relevance_config", metavar="FILE", help=file)
    common = "compare the queries that both have, with the same judgments"
    parser.add_argument("--on-common-queries", action="store_true", help=common)
    parser.add_argument("--out", metavar="DIR", help="write the diagnosis there; the folder is replaced whole")


def _mutate(parser: argparse.ArgumentParser) -> None:
    """Plant regressions in the suite, one at a time, and report which of them the gate would catch."""
    count = _whole_number(100_000)
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="plant this one; repeatable")
    parser.add_argument("--list", action="store_true", help="name all kinds, and plant none")
    parser.add_argument("--neutral", action="store_true", help="plant what must not fail instead")
    runs = "plant each kind so many times, with seeds that follow each other (default: 1)"
    parser.add_argument("--runs", type=count, default=1, metavar="N", help=runs)
    nulls = "with --neutral: compare so many times two sides whose queries were swapped at random"
    parser.add_argument("--nulls", type=count, default=None, metavar="N", help=nulls)
    training = "plant also what needs a training of the model, minutes each"
    parser.add_argument("--with-training", action="store_true", help=training)
    parser.add_argument("--other-model", metavar="NAME_OR_PATH", help="plant also this model as the base model")
    parser.add_argument("--seed", type=count, default=_SEED, metavar="N", help=f"of what is drawn (default: {_SEED})")
    _add_options(parser, without=_OF_SESSIONS)


def _clean(parser: argparse.ArgumentParser) -> None:
    """Remove what killed runs have left: their indices on a cluster; without a cluster, their containers."""
    parser.add_argument("--all", action="store_true", help="remove kept indices, and those of running processes, too")
    parser.add_argument("--dry-run", action="store_true", help="list the indices, remove none")
    _add_options(parser)


COMMANDS: Mapping[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = MappingProxyType(
    {
        "init": (_init, "project.init"),
        "check": (_check, "project.check"),
        "config": (_config, "project.show_config"),
        "finetune": (_finetune, "finetune.run"),
        "tune": (_tune, "tune.run"),
        "compare": (_compare, "compare.run"),
        "mutate": (_mutate, "mutate.run"),
        "clean": (_clean, "clean.run"),
    }
)
"""What adds a command's arguments, its docstring being the help; and the function of this package that runs it."""


def run(command: str, arguments: argparse.Namespace) -> Answer:
    """Import what a command needs, and run it."""
    module, _, function = COMMANDS[command][1].partition(".")
    answer: Answer = getattr(import_module(f"relevance.cli.{module}"), function)(arguments)
    return answer


def read_config(arguments: argparse.Namespace) -> config.Config:
    """The configuration: `--config`, else the nearest file upwards of the current folder.

    Raises:
        InputError: bad input.
    """
    here, named = Path.cwd(), arguments.relevance_config
    return config.read_config(
        options=config.given_options(arguments),
        environ=os.environ,
        file=config.find_upwards(here) if named is None else Path(named),
        root=here,
        cwd=here,
    )


def out_of(settings: config.Config) -> Path | None:
    """The folder of the option `--out`; that of file and environment is for the results of benchmarks."""
    return settings.out if settings.origins["out"].startswith("option") else None


def write_out(folder: Path, files: Mapping[str, str | bytes], content: Content) -> None:
    """Replace a folder that `check_folder` has accepted.

    Raises:
        CouldNotRunError: it cannot be written; what was there is untouched.
    """
    from relevance.report.folder import write_folder  # noqa: PLC0415 - numpy

    try:
        write_folder(folder, files, content=content)
    except OSError as error:
        raise CouldNotRunError(f"--out {folder}: cannot be written ({error.strerror or error})") from None
