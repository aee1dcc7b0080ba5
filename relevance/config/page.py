"""The page of the documentation about the configuration, written from the code: `python -m relevance.config.page`."""

from __future__ import annotations

import sys

from relevance.config.keys import FILE_NAME, KEYS, TABLES, Key
from relevance.config.kinds import KINDS
from relevance.datasets import DATASETS
from relevance.engines import ENGINES
from relevance.fields import TEXT_FIELDS, VECTOR_FIELDS
from relevance.strategies import STRATEGIES

__all__ = ["EXAMPLE", "page"]

EXAMPLE = """\
dataset = "shop"                                  # [datasets.shop], below
strategy = ["textsearch_boosted", "titles", "fused"]
floors = "benchmarks/thresholds.toml"
out = ".relevance/latest"

[datasets.shop]
format = "files"
path = "catalogue"
columns = {id = "sku", title = "name"}
relevant_from = 2
unknown_products = "drop"

[models.base]                                     # the model of every strategy that names none
max_tokens = 128

[models.plain]                                    # the same weights, without a query prompt
prompt = ""

[strategies.titles]
text = {title = 8, description = 2}

[strategies.fused]
text = {title = 8, description = 2, attributes = 1}
vectors = {title = 1, whole = 1}
combine = "rrf"
window = 100
model = "plain"
"""

_HEAD = f"""\
# Configuration

<!-- Written from the code by `python -m relevance.config.page`; a test compares. -->

`{FILE_NAME}` is looked for in pytest's root folder; the command `relevance` takes the nearest in the working folder
or above it. `--config FILE` names another. Without a file the defaults hold. `relevance config` prints what is in force
and where each value comes from; pytest's header names the file.

An **option** outranks an **environment variable**, which outranks the **file**, which outranks the **default**. An
empty variable is none (but an empty `RELEVANCE_QUERY_PROMPT` is an empty prompt). A relative path starts at the file's
folder where it stands in the file, else at the working folder; `~` is your home. A key, name or field that is not known
is an error that gives the nearest spelling and what is allowed, and so is a setting that would change nothing.

```toml
{EXAMPLE}```

## What is chosen

A key in the singular chooses, a table in the plural defines: `dataset = "shop"` chooses `[datasets.shop]`, and
`strategy = ["titles"]` chooses `[strategies.titles]`. (TOML lets one name be a list or a table, not both, so the list
of what runs cannot be called `strategies`.)
"""

_TEXTS = {
    "models": """\
## Models: `[models.NAME]`

Strategies use a model by its name. `base` is there without being defined, and the model of every strategy that names
none; it can be redefined, and the options and variables below set it. Only models of strategies that run are loaded.
A `path` is a folder where there is one of that name, else a name on the hub.
""",
    "datasets": """\
## Data sets: `[datasets.NAME]`

An alias under which a data set is chosen (`dataset = "NAME"`), its results stand and its floors are written
(`[NAME.STRATEGY]`). It cannot have a format's name. A setting that a format does not use is an error.

Formats: {datasets}.
""",
    "strategies": """\
## Strategies: `[strategies.NAME]`

Each is a benchmark of its own, beside the built-in ones: chosen by `strategy`, `--strategy` and `-k`, with floors in
`[DATASET.NAME]`. A built-in one cannot be redefined. `rrf` fuses the list of the text and one list for each embedded
text, two lists or more, each embedded text with the boost 1. `window` and `k` belong to `rrf`, `candidates` and `model`
to `vectors`; beside anything else they are errors.

- Text fields: {text_fields}.
- Embedded texts: {vector_fields}; the last is title, description and attributes in one.
- Built-in strategies: {strategies}.
""",
}

_TAIL = """\
In `[DATASET.STRATEGY]` of the floors' file stand the lowest means that pass; `pytest --suggest-floors` prints them.
Names are lower-case letters, digits and underscores.
"""


def _cell(text: str) -> str:
    return f"`{text}`" if text else ""


def _rows(keys: list[Key]) -> list[str]:
    lines = ["| key | takes | default | option | variable | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    for key in keys:
        option = _cell(f"{key.option} {key.metavar}".strip())
        cells = (_cell(key.path.rpartition(".")[2]), KINDS[key.kind].label, key.default, option, _cell(key.variable))
        lines.append(f"| {' | '.join((*cells, key.meaning))} |")
    return lines


def page() -> str:
    """The page, in Markdown."""
    names = {
        "datasets": DATASETS,
        "strategies": STRATEGIES,
        "text_fields": TEXT_FIELDS,
        "vector_fields": VECTOR_FIELDS,
    }
    shown = {what: ", ".join(f"`{name}`" for name in table) for what, table in names.items()}
    engines = f"\nEngines: {', '.join(f'`{name}`' for name in ENGINES)}."
    blocks = [_HEAD, *_rows([key for key in KEYS if "." not in key.path]), engines]
    for table in TABLES:
        keys = [key for key in KEYS if key.path.startswith(f"{table}.")]
        blocks += [f"\n{_TEXTS[table].format(**shown)}", *_rows(keys)]
    return "\n".join([*blocks, f"\n{_TAIL}"])


if __name__ == "__main__":
    sys.stdout.write(page())
