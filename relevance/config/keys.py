"""Every key of the configuration: where it can be set, what it takes, what it means. It imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.config.key import Key
from relevance.config.partkeys import ELASTICSEARCH, FINETUNE, GATE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FILE_NAME",
    "KEYS",
    "NAMED_TABLES",
    "TABLES",
    "Key",
    "key_of",
]

FILE_NAME = "relevance.toml"

KEYS = (
    Key(
        "dataset",
        "name",
        "sample",
        "data set to measure on: a format's name, with its path behind a colon, or an alias",
        "--dataset",
        "NAME[:PATH]",
    ),
    Key(
        "engine",
        "engine",
        "auto",
        "engine that ranks; auto takes the cluster that is named, else a container where its image is there already, "
        "else the embedded engine",
        "--engine",
        "NAME",
    ),
    Key(
        "strategy",
        "names",
        "all, built-in and own",
        "strategies that run; the option may be given repeatedly, the variable separates by commas",
        "--strategy",
        "NAME",
    ),
    Key(
        "floors",
        "path",
        "thresholds.toml beside the benchmarks",
        "file of floors; one that is named has to be there",
        "--floors",
        "FILE",
    ),
    Key(
        "baseline",
        "files",
        "baselines/DATASET.json beside the benchmarks",
        "files that the session is compared with, which have to be there; "
        "the option may be given repeatedly, the variable separates by commas",
        "--baseline",
        "FILE",
    ),
    Key(
        "require_baseline",
        "flag",
        "false; true where CI is set",
        "fail where there is no baseline; the variable takes 1 or 0",
        "--require-baseline",
    ),
    Key(
        "on_common_queries",
        "flag",
        "false",
        "where the data are not those of a baseline, compare the queries that are in both, with the same judgments; "
        "the variable takes 1 or 0",
        "--on-common-queries",
    ),
    Key("out", "path", ".relevance/latest", "folder of results, replaced whole", "--out", "DIR"),
    Key("cache_dir", "path", "the user's cache folder", "where embeddings are kept, by content", "--cache-dir", "DIR"),
    Key(
        "device",
        "name",
        "the best there is",
        "where models run: cpu, cuda, cuda:1, mps; option and variable outrank a model's own",
        "--device",
        "NAME",
    ),
    Key(
        "unknown_products",
        "unknown_products",
        "error",
        "judgments for products that the catalogue lacks: error, or drop (and count); "
        "option and variable outrank a data set's own",
        "--unknown-products",
        "WHAT",
    ),
    Key(
        "models.NAME.path",
        "model",
        "the packaged all-MiniLM-L6-v2",
        "any sentence-transformers model: a folder, or OWNER/NAME on the Hugging Face hub",
        "--model",
        "NAME_OR_PATH",
    ),
    Key(
        "models.NAME.prompt",
        "text",
        "the model's own query prompt",
        'text before every query that is embedded; "" is none',
        "--query-prompt",
        "TEXT",
    ),
    Key("models.NAME.max_tokens", "number", "the model's limit", "cut texts at so many tokens", "--max-tokens", "N"),
    Key("models.NAME.device", "name", "device", "where this model runs"),
    Key(
        "models.finetuned.path",
        "model",
        "none: the base model is fine-tuned on the data set's pairs",
        "the model of the strategies vectorsearch_finetune and rrf_finetune",
        "--finetuned-model",
        "NAME_OR_PATH",
    ),
    Key("datasets.NAME.format", "name", "required", "format of the files"),
    Key("datasets.NAME.path", "path", "none", "folder of the files"),
    Key("datasets.NAME.columns", "texts", "the same names", "our column names to those of the files"),
    Key("datasets.NAME.gains", "grades", "the format's own", "labels of judgments to grades"),
    Key("datasets.NAME.relevant_from", "number", "the format's own", "lowest grade that counts as relevant"),
    Key(
        "datasets.NAME.unknown_products",
        "unknown_products",
        "unknown_products",
        "judgments for products that this catalogue lacks",
    ),
    Key("strategies.NAME.text", "boosts", "none", "boosts of the text fields that are matched"),
    Key("strategies.NAME.vectors", "boosts", "none", "boosts of the embedded texts that are searched"),
    Key("strategies.NAME.combine", "combination", "sum", "sum adds scores, rrf fuses ranks"),
    Key("strategies.NAME.window", "number", "50", "rrf: length of the lists that are fused"),
    Key("strategies.NAME.k", "number", "60", "rrf: the constant of reciprocal rank fusion"),
    Key("strategies.NAME.candidates", "number", "150", "with vectors: nearest products that get a vector score"),
    Key("strategies.NAME.model", "name", "base", "with vectors: which of [models.NAME] embeds"),
    Key(
        "strategies.NAME.template",
        "path",
        "none",
        "JSON file with a search of Elasticsearch's own, in the place of text and vectors",
    ),
    *ELASTICSEARCH,
    *GATE,
    *FINETUNE,
)
"""All keys, in the order in which they are documented."""

TABLES = tuple(dict.fromkeys(key.table for key in KEYS if key.table))
"""The tables of the file."""

NAMED_TABLES = tuple(dict.fromkeys(key.table for key in KEYS if ".NAME." in key.path))
"""Those that hold tables with names of the user's."""

_BY_PATH: Mapping[str, Key] = {key.path: key for key in KEYS}


def key_of(path: str) -> Key:
    """The key of a path, whose NAME may be any."""
    if path in _BY_PATH:
        return _BY_PATH[path]
    table, _, rest = path.partition(".")
    return _BY_PATH[f"{table}.NAME.{rest.rpartition('.')[2]}" if table in NAMED_TABLES else path]
