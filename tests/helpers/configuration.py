"""Write the page about the configuration: `cd tests && python -m helpers.configuration > ../docs/configuration.md`."""

import sys
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from relevance.config.model import TABLES, keys
from relevance.datasets import DATASETS
from relevance.engines import AUTO, ENGINES
from relevance.fields import DEFAULT_FIELDS
from relevance.strategies import READY_MADE, STRATEGIES


def page() -> str:
    template = Path(__file__).with_suffix(".md.jinja").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - Markdown
    return environment.from_string(template).render(
        table=_table,
        names=lambda names: ", ".join(map(_code, names)),
        engines=(AUTO, *ENGINES),
        formats=DATASETS,
        text_fields=DEFAULT_FIELDS.text,
        vector_fields=tuple(DEFAULT_FIELDS.embedded),
        strategies=STRATEGIES,
        ready_made=READY_MADE,
    )


def _table(head: str) -> str:
    """A row for each key of `[head]` or `[head.NAME]`."""
    lines = ["| key | takes | default | option | variable | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    for key in keys(*(table for table in TABLES if table.partition(".")[0] == head)):
        name = _code(key.path.removeprefix(f"{head}.").removeprefix("NAME."))
        option = _code(f"{key.option} {key.metavar}".strip())
        cells = (name, key.takes.label, key.default, option, _code(key.variable), key.meaning)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    sys.stdout.write(page())
