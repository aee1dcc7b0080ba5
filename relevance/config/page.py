"""The page of the documentation about the configuration, written from the code: `python -m relevance.config.page`."""

from __future__ import annotations

import sys

from relevance.config.examples import EXAMPLE, EXISTING, GATE, MAPPING, TEMPLATE
from relevance.config.keys import FILE_NAME, KEYS, TABLES, Key
from relevance.config.kinds import KINDS
from relevance.datasets import DATASETS
from relevance.engines import AUTO, ENGINES
from relevance.fields import TEXT_FIELDS, VECTOR_FIELDS
from relevance.strategies import STRATEGIES

__all__ = ["page"]

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
A `path` is a folder where there is one of that name, else a name on the hub. `finetuned` is there likewise: without a
`path` it is made of `base`, see below.
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
to `vectors`; beside anything else they are errors. A `template` (below) says what this table cannot.

- Text fields: {text_fields}.
- Embedded texts: {vector_fields}; the last is title, description and attributes in one.
- Built-in strategies: {strategies}.
""",
    "elasticsearch": """\
## Elasticsearch: `[elasticsearch]`

The cluster or the container that ranks, and the index that is made there. The table has no names: there is one.
""",
    "gate": """\
## Comparison with a baseline: `[gate]`

From where on a strategy that became worse is a warning or a failure. `docs/gate.md` explains the rules. Drops are
shares of the baseline's mean: 0.02 is 2%.
""",
    "finetune": """\
## Fine-tuning: `[finetune]`

How the model `finetuned` is made of the model `base`. The options are those of `relevance finetune`; where pytest has
to train, it takes what stands in the file or the environment. Each set of values makes a model of its own, which is
kept in the cache folder.
""",
}

_ELASTICSEARCH = f"""
Nothing of this has to be set for the embedded engine; where that one ranks, `[elasticsearch]` waits.

**Credentials** come from the environment alone: `ES_API_KEY`, or `ES_USER` and `ES_PASSWORD`; `ES_CA_CERTS` is a file
of certificates that are trusted, `ES_FINGERPRINT` the SHA-256 of one. A user and a password inside the URL
(`https://user:password@…`) are taken out of it and outrank those variables; in the file they are an error, because
people commit it. None of them is printed or stored anywhere.

**Privileges** that this user or key needs: on the cluster `monitor`, to see its release. Where an index is made, on
`relevance-*`: `create_index`, `write`, `read`, `monitor`, `maintenance`, `view_index_metadata` and `delete_index`
(`relevance clean`: `monitor`, `view_index_metadata` and `delete_index`). On an index that exists: `read` and
`view_index_metadata`, and `monitor`, without which its deleted documents and its sequence numbers are not known. No
right on any other index is needed.

**An index that exists** is evaluated as it is: nothing is indexed and nothing written. Queries and judgments are those
of the data set, the products are the index's. The map says which of its fields are ours:

```toml
{EXISTING}```

`id` is a keyword field with the product ids that the judgments name. Text fields and embedded texts that no strategy
uses may be left out; a nested field is searched as one. A vector field has to hold vectors of the model that strategies
use, by its name in front of a dot (`base` where there is none). `shards`, `replicas`, `vector_index`, `mapping` and
`keep_index` are for an index that is made, `image` and `memory` for a container: beside an index that exists or a
cluster they are errors, unless they stand in the file and an option or a variable names the index or the cluster.

**An own mapping** is laid over ours, object by object: analyzers, synonyms, types and multi-fields of
`product_title`, `product_description` and `product_attributes.name_value`. The rest stays as it is.

```json
{MAPPING}```

**A template** is the body of a search, filled in for every query where it is parsed, never as text: `{{{{query}}}}`
inside a text stands for the query, the text `"{{{{vector}}}}"` for its vector. `size`, `_source` and the like are set
by the suite. In an index of ours a vector lies in `FIELD_vector`, of another model than `base` in `FIELD_vector_MODEL`.

```json
{TEMPLATE}```
"""

_GATE = f"""
For one metric stands `[gate.metrics."METRIC"]`, for one strategy `[gate.strategies.NAME]`, for a metric of a strategy
`[gate.strategies.NAME."METRIC"]`; what is nearest holds, a strategy's before a metric's. They take `fail`, `warn`,
`warn_sure`, `least_drop` and, for the leading metric, `fail_large`; a strategy's also `time_warn` and `time_fail`, a
metric's also `worse`: `"lower"` where less is worse, as by default, `"higher"` where more is.

```toml
{GATE}```
"""

_STRATEGIES = """
In `[DATASET.STRATEGY]` of the floors' file stand the lowest means that pass; `pytest --suggest-floors` prints them.
Names are lower-case letters, digits and underscores."""

_AFTER = {"strategies": [_STRATEGIES], "elasticsearch": [_ELASTICSEARCH], "gate": [_GATE]}
"""What stands below a table's keys."""


def _cell(text: str) -> str:
    return f"`{text}`" if text else ""


def _rows(keys: list[Key]) -> list[str]:
    lines = ["| key | takes | default | option | variable | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    for key in keys:
        option = _cell(f"{key.option} {key.metavar}".strip())
        cells = (
            _cell(key.path.removeprefix(f"{key.table}.").removeprefix("NAME.")),
            KINDS[key.kind].label,
            key.default,
            option,
            _cell(key.variable),
        )
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
    engines = f"\nEngines: {', '.join(f'`{name}`' for name in (AUTO, *ENGINES))}. pytest's header says which, and why."
    blocks = [_HEAD, *_rows([key for key in KEYS if not key.table]), engines]
    for table in TABLES:
        keys = [key for key in KEYS if key.table == table]
        blocks += [f"\n{_TEXTS[table].format(**shown)}", *_rows(keys), *_AFTER.get(table, [])]
    return "\n".join(blocks)


if __name__ == "__main__":
    sys.stdout.write(page())
