"""Remove what killed runs have left: their indices on a cluster; without a cluster, their containers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from relevance.cli import Answer
from relevance.cli.project import read_config
from relevance.errors import CouldNotRunError, InputError
from relevance.packages import CLIENT, CONTAINER, require
from relevance.text import plural

if TYPE_CHECKING:
    import argparse

    from relevance.engines.elasticsearch.leftovers import Leftover
    from relevance.engines.elasticsearch.settings import Settings

_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))
_OWNERS = {"running": "which still runs", "gone": "which is gone", "elsewhere": "of another machine"}


def run(arguments: argparse.Namespace) -> Answer:
    """Look, remove, and say a line for each."""
    settings = read_config(arguments).elasticsearch
    require("relevance clean", CONTAINER if settings.url is None else CLIENT)
    if settings.url is not None:
        return _indices(settings, everything=arguments.all, dry_run=arguments.dry_run)
    for is_set, option in ((arguments.all, "--all"), (arguments.dry_run, "--dry-run")):
        if is_set:
            raise InputError(f"{option} is for indices on a cluster; allowed beside it: --es-url URL, or ES_URL")
    from relevance.engines.elasticsearch import container  # noqa: PLC0415 - Docker's client is loaded where it is used

    try:
        names = container.remove_leftovers()
    except CouldNotRunError as error:
        line = f"{error}: no container was looked at; for indices: relevance clean --es-url URL"
        raise CouldNotRunError(line, details=error.details) from None
    removed = (f"removed container {name}" for name in names)
    return Answer(
        0, (*removed, f"{plural(len(names), 'container')} removed; for indices: relevance clean --es-url URL")
    )


def _indices(settings: Settings, *, everything: bool, dry_run: bool) -> Answer:
    from relevance.engines.elasticsearch import client  # noqa: PLC0415 - an extra's package
    from relevance.engines.elasticsearch.leftovers import find, remove  # noqa: PLC0415 - as above

    lines, going = [], 0
    with client.connect(settings) as connection:
        ours, passed_over = find(connection, now=datetime.now(UTC))
        for each in ours:
            goes = everything or each.is_abandoned
            lines.append(f"{('removes' if dry_run else 'removed') if goes else 'left   '}  {_line(each)}")
            going += goes
            if goes and not dry_run:
                remove(connection, each)
    done = "would be removed" if dry_run else "removed"
    summary = f"{going:,} of {plural(len(ours), 'index', 'indices')} {done}"
    if passed_over:
        were = "was" if passed_over == 1 else "were"
        count = plural(passed_over, "index", "indices")
        summary += f"; {count} named relevance-… {were} not made by relevance: passed over"
    return Answer(0, (*lines, summary))


def _line(each: Leftover) -> str:
    mark = each.mark
    size = "size unknown" if each.size is None else f"{each.size / 1e6:,.1f} MB"
    state = "half-made" if not mark.complete else "complete, kept" if mark.kept else "complete"
    owner = f"by process {mark.owner.pid} on {mark.owner.host or 'an unknown machine'}, {_OWNERS[each.owner]}"
    return f"{mark.name}  {plural(mark.products, 'product')}  {size}  {_age(each.age)}  {state}  {owner}"


def _age(age: timedelta) -> str:
    for unit, name in _UNITS:
        if age >= unit:
            return f"{plural(age // unit, name)} old"
    return "just made"
