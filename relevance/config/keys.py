"""Every key of the configuration: where it can be set, what it takes, what it means. It imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE
from relevance.finetune.recipe import Options

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


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        path: in the file, `table.NAME.key` where the table has names of the user's.
        kind: what it takes, see `relevance.config.kinds`.
        default: what holds where it is not set, in words.
        meaning: in one line.
        option: on the command line, "" where there is none; in `[models.NAME]` it sets the model `base`.
        metavar: what stands for the option's value in help; "" for an option without one.
        others: the variable's name where it is one that Elasticsearch's own tools know, or longer than the option's.
        command: the one command of `relevance` that takes the option; "": all do, and pytest.
    """

    path: str
    kind: str
    default: str
    meaning: str
    option: str = ""
    metavar: str = ""
    others: str = ""
    command: str = ""

    @property
    def table(self) -> str:
        """The table of the file that it stands in, "" for none."""
        return self.path.partition(".")[0] if "." in self.path else ""

    @property
    def key(self) -> str:
        """The key in its table."""
        return self.path.rpartition(".")[2]

    @property
    def name(self) -> str:
        """The option's name in Python, "" where there is none."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable, "" where there is none."""
        return self.others or (f"RELEVANCE_{self.name.upper()}" if self.option else "")

    @property
    def set_by_option(self) -> str:
        """The key that the option sets."""
        return self.path.replace("NAME", "base")


def _finetune(name: str, kind: str, meaning: str, metavar: str, option: str = "") -> Key:
    """A key of `[finetune]`, whose default stands in `Options` and whose option is one of `relevance finetune`."""
    option = option or f"--{name.replace('_', '-')}"
    variable = f"RELEVANCE_FINETUNE_{name.upper()}"
    return Key(f"finetune.{name}", kind, str(getattr(Options, name)), meaning, option, metavar, variable, "finetune")


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
    Key(
        "elasticsearch.url",
        "url",
        "none: a container",
        "cluster that is there already; user and password may stand in option and variable, never in the file",
        "--es-url",
        "URL",
        "ES_URL",
    ),
    Key(
        "elasticsearch.timeout", "seconds", "60", "seconds after which an answer is given up", "--es-timeout", "SECONDS"
    ),
    Key("elasticsearch.image", "image", DEFAULT_IMAGE, "image of the container", "--es-image", "IMAGE"),
    Key("elasticsearch.memory", "memory", "1g", "heap of the container's server", "--es-memory", "SIZE"),
    Key("elasticsearch.shards", "shards", "1", "primary shards of the index that is made", "--es-shards", "N"),
    Key("elasticsearch.replicas", "replicas", "0", "replicas of each of them", "--es-replicas", "N"),
    Key(
        "elasticsearch.vector_index",
        "vector_index",
        "flat",
        "how vectors are indexed: flat is exact, the others are approximate",
        "--vector-index",
        "KIND",
    ),
    Key(
        "elasticsearch.mapping",
        "path",
        "none",
        "JSON file of settings and mappings that are laid over ours",
        "--es-mapping",
        "FILE",
    ),
    Key(
        "elasticsearch.keep_index",
        "flag",
        "false",
        "keep the index on the cluster, for the next run with the same content; the variable takes 1 or 0",
        "--keep-index",
    ),
    Key(
        "elasticsearch.index",
        "index",
        "none: one is made",
        "index that exists: it is evaluated as it is, nothing is written",
        "--es-index",
        "NAME",
    ),
    Key("elasticsearch.fields", "texts", "none", "of that index: our fields to its own; id is a keyword"),
    Key("elasticsearch.vectors", "paths", "none", "of that index: our embedded texts to its dense_vector fields"),
    Key(
        "finetune.pairs_from_judgments",
        "share",
        "none: the data set's own pairs",
        "share of the queries that is trained on and leaves the benchmark; their judgments of the highest grade are "
        "the pairs",
        "--pairs-from-judgments",
        "SHARE",
    ),
    _finetune("epochs", "positive", "passes over the pairs at most", "N"),
    _finetune("batch_size", "batch", "pairs in a batch; the others' products are a query's negatives", "N"),
    _finetune("learning_rate", "rate", "its highest value, after the warm-up", "RATE"),
    _finetune("max_tokens", "tokens", "cut texts at so many tokens, in training alone", "N", "--train-tokens"),
    _finetune("seed", "seed", "of the order of the pairs and of dropout", "N"),
    _finetune("loss", "loss", "negatives of a query: those of its batch, or a mined (hard) one too", "NAME"),
    _finetune("patience", "positive", "half epochs without a better nDCG after which training ends", "N"),
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
