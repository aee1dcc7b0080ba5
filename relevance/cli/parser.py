"""The commands: what their help says, which arguments they take, and which function runs each."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from relevance.cli import Answer
from relevance.config import add_options, add_removed
from relevance.errors import InputError, several, unknown
from relevance.numerals import plain_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

# what compares a session with earlier ones would change nothing for a command that compares with none
_OF_SESSIONS = ("--baseline", "--require-baseline", "--allow-missing", "--gate-from-baseline", "--history")
# those of `relevance.tuning.search`, which it would take numpy to look up
SHARE, SEED = 0.5, 12


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are lines of ours instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} ({self.prog} --help)")


def run(argv: list[str]) -> Answer:
    """Parse, import what the command needs, and run it.

    Raises:
        RelevanceError: bad input or usage, or something is not there.
        SystemExit: the help was asked for and printed.
    """
    asked = argv[0] if argv else ""
    nothing = f"no command; allowed: {', '.join(COMMANDS)} (relevance --help)"
    if not asked:
        raise InputError(nothing)
    if not asked.startswith("-") and asked not in COMMANDS:
        raise InputError(unknown("command", asked, COMMANDS))
    parser, options = _parser(asked)
    arguments, rest = parser.parse_known_args(argv)
    if rest:
        wrong = [name for name in rest if name.startswith("-")] or rest[:1]  # the others may be their values
        # what stands behind the =, or in front of an @, may be a password
        names = dict.fromkeys(name.partition("=")[0].rpartition("@")[2] for name in wrong)
        raise several([InputError(unknown("argument", name, options)) for name in names])
    if arguments.version:
        return Answer(0, (f"relevance {version('relevance-benchmarks')}",))
    if asked not in COMMANDS:
        raise InputError(nothing)
    module, _, function = COMMANDS[asked][1].partition(".")
    answer: Answer = getattr(import_module(f"relevance.cli.{module}"), function)(arguments)
    return answer


def _parser(asked: str) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser, and the names of the options of the command that is asked for."""
    parser = _Parser(
        prog="relevance",
        description="Regression benchmarks for product search. The benchmarks themselves run by pytest.",
        epilog="Exit codes: 0 done, 1 the gate failed, 2 usage or bad input, 3 could not run, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND")
    options = ["--help", "--version"]
    for name, (add_arguments, _) in COMMANDS.items():
        text = add_arguments.__doc__
        own = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_arguments(own)
        if name == asked:
            options = re.findall(r"--[a-z-]+|[A-Z]+$", own.format_usage())
    return parser, options


# what each takes; the docstrings are the help


def _of_configuration(
    parser: argparse.ArgumentParser,
    command: str = "",
    *,
    without: Collection[str] = (),
    only: Collection[str] = (),
    helps: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add `--config` and the options of the configuration's keys, with another help where one means something else."""

    def add(name: str, **settings: Any) -> None:
        if name in only if only else name not in without:
            parser.add_argument(name, **{**settings, "help": helps.get(name, settings["help"])})

    add_options(add, command)


def _whole_number(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number from 1 to {most:,}")
        return int(text)

    return read


def _of_digits(text: str) -> int:
    if not re.fullmatch("-?[0-9]+", text):
        raise ValueError(text)
    return int(text)


def _number(read_number: Callable[[str], float], allowed: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            return read_number(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: {allowed}") from None

    return read


def _init(parser: argparse.ArgumentParser) -> None:
    """Write a working project: a small catalogue, a configuration, benchmarks, floors, a CI workflow."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="a new folder, or an empty one")


def _demo(parser: argparse.ArgumentParser) -> None:
    """Show in seconds what the suite does: a made-up shop, a slip in its search, and what is said of it."""
    into = "a new folder, or an empty one, for the project (default: a temporary folder, which is left)"
    parser.add_argument("--into", type=Path, metavar="DIR", help=into)
    parser.add_argument("--open", action="store_true", help="open the page of results in a browser")


def _check(parser: argparse.ArgumentParser) -> None:
    """Read everything that the configuration names and say what was found and what is wrong; nothing is embedded."""
    out = "folder of results of a session: whether it could be replaced is looked at; the page goes to check beside"
    _of_configuration(parser, helps={"--out": out})


def _config(parser: argparse.ArgumentParser) -> None:
    """Print what is in force and where each value comes from: an option, the environment, a file, a default."""
    bodies = "print instead, as JSON, the search bodies of the strategies: what each of their requests asks an index"
    parser.add_argument("--bodies", action="store_true", help=bodies)
    _of_configuration(parser)


def _finetune(parser: argparse.ArgumentParser) -> None:
    """Fine-tune the embedding model on the data set's pairs, and report what that changed on the benchmark."""
    text = "train so many times, with seeds that follow each other; the model of the first is what benchmarks take"
    parser.add_argument("--seeds", type=_whole_number(100), default=1, metavar="N", help=text)
    compare = (
        "recipes, KEY=VALUE[+KEY=VALUE...] of [finetune], separated by commas: each is trained with every seed, they "
        "are compared by the validation queries, and the benchmark is measured with the winner; repeatable"
    )
    parser.add_argument("--compare", action="append", default=[], metavar="RECIPES", help=compare)
    reranker = "train the cross-encoder of strategies that rerank instead, and report what it changes"
    parser.add_argument("--reranker", action="store_true", help=reranker)
    out = (
        "folder of the report, replaced whole (default: finetune, or reranker, beside the folder of benchmark results)"
    )
    _of_configuration(parser, "finetune", without=_OF_SESSIONS, helps={"--out": out})


def _tune(parser: argparse.ArgumentParser) -> None:
    """Search for better boosts or other values on half of the queries, and report what they do on the other half."""
    what = "text, multifield or hybrid: boosts of a built-in strategy; or a strategy, whose [tuning.NAME] is tried"
    parser.add_argument("what", nargs="?", metavar="WHAT", help=what)
    grid = "values to try for a boost or another parameter in the place of the usual ones; one keeps it; repeatable"
    parser.add_argument("--grid", action="append", default=[], metavar="NAME=N[,N]", help=grid)
    without = "leave a field or a parameter out; repeatable"
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help=without)
    trials = "combinations to try by TPE where there are more (default: 200; boosts alone: all of up to 5,000)"
    parser.add_argument("--trials", type=_whole_number(100_000), default=None, metavar="N", help=trials)
    share = f"share of the queries that values are chosen on (default: {SHARE})"
    number = _number(plain_decimal, "a number between 0 and 1")
    parser.add_argument("--share", type=number, default=SHARE, metavar="SHARE", help=share)
    seed = f"of split and interval (default: {SEED})"
    parser.add_argument(
        "--seed", type=_number(_of_digits, "a whole number of 0 or more"), default=SEED, metavar="N", help=seed
    )
    tuned = "textsearch_boosted, vectorsearch_multifield_boosted or hybrid_boosted"
    helps = {
        "--strategy": f"strategy that is tuned (default: {tuned})",
        "--out": "folder of results, replaced whole (default: tune-WHAT beside the folder of benchmark results)",
    }
    _of_configuration(parser, without=("--floors", *_OF_SESSIONS), helps=helps)


def _explain(parser: argparse.ArgumentParser) -> None:
    """Say why a product has its rank for a query: the clauses and terms that made its score, adding up to it."""
    parser.add_argument("query", metavar="QUERY", help="id or text of a query of the data set")
    parser.add_argument("product", metavar="PRODUCT", help="id of a product")
    helps = {
        "--strategy": "strategy to explain; repeatable (default: the first of those that are configured)",
        "--baseline": "file to look the product up in, with what moved it since; repeatable (default: the data set's)",
        "--out": "folder of results of a session: nothing is written",
    }
    without = ("--floors", *_OF_SESSIONS[1:])
    _of_configuration(parser, without=without, helps=helps)


def _compare(parser: argparse.ArgumentParser) -> None:
    """Compare what two runs measured, as the gate does: verdict, queries won and lost; no data or model is read."""
    side = "a folder of results (--out), a project whose last results are meant, or a baseline file"
    parser.add_argument("before", metavar="BEFORE", help=f"what was: {side}")
    parser.add_argument("after", metavar="AFTER", nargs="?", help=f"what is: {side}")
    pair = "twice, with BEFORE alone: compare two strategies of it, the second with the first"
    parser.add_argument("--strategy", action="append", default=[], dest="strategies", metavar="NAME", help=pair)
    file = "configuration with the limits (default: relevance.toml)"
    parser.add_argument("--config", dest="relevance_config", metavar="FILE", help=file)
    limits = "the limits of BEFORE hold, and a strategy of it that AFTER has not fails (RELEVANCE_GATE_FROM_BASELINE)"
    parser.add_argument("--gate-from-baseline", dest="relevance_gate_from_baseline", action="store_true", help=limits)
    missing = "with --gate-from-baseline: a strategy of BEFORE may be missing (RELEVANCE_ALLOW_MISSING)"
    parser.add_argument("--allow-missing", dest="relevance_allow_missing", action="store_true", help=missing)
    parser.add_argument("--out", metavar="DIR", help="write the diagnosis there; the folder is replaced whole")
    add_removed(parser.add_argument)


def _accept(parser: argparse.ArgumentParser) -> None:
    """Make a measured session the baseline, whatever the gate says of it; who, when and why are kept in its log."""
    results = "folder of results (default: the configured one), or a baseline file"
    parser.add_argument("results", nargs="?", metavar="RESULTS", help=results)
    reason = "why: whoever compares with the baseline is shown it"
    parser.add_argument("--reason", required=True, metavar="TEXT", help=reason)
    strategy = "strategy to accept, the others stay as they are; repeatable (default: all that were measured)"
    parser.add_argument("--strategy", action="append", default=[], dest="strategies", metavar="NAME", help=strategy)
    parser.add_argument("--by", metavar="NAME", help="who accepts (default: git's user.name)")
    file = "file to write (default: benchmarks/baselines/DATASET.json)"
    _of_configuration(parser, only=("--config", "--baseline"), helps={"--baseline": file})


def _history(parser: argparse.ArgumentParser) -> None:
    """Show what the strategies reached by commit: the baseline's versions in git, and the sessions of --history."""
    helps = {
        "--baseline": "file whose versions git is asked for (default: benchmarks/baselines/DATASET.json)",
        "--history": "SQLite file of sessions, shown beside (default: the configuration's, if any)",
        "--strategy": "strategy to show, also one that is gone; repeatable (default: all that were measured)",
        "--out": "folder of the page, replaced whole (default: history beside the folder of benchmark results)",
    }
    _of_configuration(parser, only=("--config", "--dataset", *helps), helps=helps)


def _bisect(parser: argparse.ArgumentParser) -> None:
    """Find the commit that brought a loss: commits between are checked out elsewhere, measured, and judged."""
    parser.add_argument("good", metavar="GOOD", help="commit before the loss: what the others are compared with")
    parser.add_argument("bad", metavar="BAD", help="commit with the loss")
    command = (
        "behind --: what measures a commit and writes its results where RELEVANCE_OUT says "
        "(default: pytest benchmarks --engine embedded --benchmark-disable)"
    )
    parser.add_argument("command", nargs="*", default=(), metavar="COMMAND", help=command)
    _of_configuration(parser, only=("--config",))


def _judge(parser: argparse.ArgumentParser) -> None:
    """Judge hits that nobody has judged: on a page of this machine, by keys; or by a program."""
    results = "folder of results, or its to_judge.csv (default: the configured folder of results)"
    parser.add_argument("results", nargs="?", metavar="RESULTS", help=results)
    rater = "whose grades these are (default: the user's name; of a program its own, behind auto:)"
    parser.add_argument("--rater", metavar="NAME", help=rater)
    port = "port of the page (default: one that is free)"
    parser.add_argument("--port", type=_whole_number(65_535), default=0, metavar="N", help=port)
    auto = parser.add_mutually_exclusive_group()
    command = "let a command grade: rows as JSON on its standard input, one a line; it prints a grade a line"
    auto.add_argument("--auto", metavar="COMMAND", help=command)
    function = "let a Python function grade: function(query, fields) gives a grade"
    auto.add_argument("--auto-function", metavar="MODULE:FUNCTION", help=function)
    index = ("--engine", "--es-url", "--es-cloud-id", "--es-timeout", "--es-index")
    _of_configuration(parser, only=("--config", "--dataset", "--mapping", "--unknown-products", *index))


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
    holes = (
        "report instead what the gate says of better and worse changes while judgments are withheld: those of the "
        "baseline's first ten hits stay (ten), of its first five (five), or as many as ten, drawn (random)"
    )
    parser.add_argument("--holes", default=None, metavar="POOL", help=holes)
    training = "plant also what needs a training of the model, minutes each"
    parser.add_argument("--with-training", action="store_true", help=training)
    parser.add_argument("--other-model", metavar="NAME_OR_PATH", help="plant also this model as the base model")
    parser.add_argument("--seed", type=count, default=SEED, metavar="N", help=f"of what is drawn (default: {SEED})")
    out = "folder of the report, replaced whole (default: none; without the option nothing is written)"
    _of_configuration(parser, without=_OF_SESSIONS, helps={"--out": out})


def _clean(parser: argparse.ArgumentParser) -> None:
    """Remove what killed runs have left: their indices on a cluster; without a cluster, their containers."""
    parser.add_argument("--all", action="store_true", help="remove kept indices, and those of running processes, too")
    parser.add_argument("--dry-run", action="store_true", help="list the indices, remove none")
    _of_configuration(
        parser, helps={"--out": "folder of results of a session: no results are removed, nothing is written"}
    )


COMMANDS: Mapping[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = MappingProxyType(
    {
        "init": (_init, "project.init"),
        "demo": (_demo, "demo.run"),
        "check": (_check, "project.check"),
        "config": (_config, "project.show_config"),
        "finetune": (_finetune, "commands.finetune"),
        "tune": (_tune, "commands.tune"),
        "explain": (_explain, "explain.run"),
        "compare": (_compare, "commands.compare"),
        "accept": (_accept, "accept.run"),
        "history": (_history, "history.run"),
        "bisect": (_bisect, "bisect.run"),
        "judge": (_judge, "judge.run"),
        "mutate": (_mutate, "mutate.run"),
        "clean": (_clean, "clean.run"),
    }
)
"""What adds a command's arguments, its docstring being the help; and the function of this package that runs it."""
