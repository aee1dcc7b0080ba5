"""Every key of the configuration: where it can be set, what it takes, what it means. It imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

__all__ = ["FILE_NAME", "KEYS", "TABLES", "Key", "add_options", "given_options", "key_of"]

FILE_NAME = "relevance.toml"

_DEST = "relevance_"


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        path: in the file, `table.NAME.key` where the table has names of the user's.
        kind: what it takes, see `relevance.config.kinds`.
        default: what holds where it is not set, in words.
        meaning: in one line.
        option: on the command line, "" where there is none; in `[models.NAME]` it sets the model `base`.
        metavar: what stands for the option's value in help.
    """

    path: str
    kind: str
    default: str
    meaning: str
    option: str = ""
    metavar: str = ""

    @property
    def name(self) -> str:
        """The option's name in Python, "" where there is none."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable, "" where there is none."""
        return f"RELEVANCE_{self.name.upper()}" if self.option else ""

    @property
    def set_by_option(self) -> str:
        """The key that the option sets."""
        return self.path.replace("NAME", "base")


KEYS = (
    Key(
        "dataset",
        "name",
        "sample",
        "data set to measure on: a format's name, with its path behind a colon, or an alias",
        "--dataset",
        "NAME[:PATH]",
    ),
    Key("engine", "name", "embedded", "engine that ranks"),
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
)
"""All keys, in the order in which they are documented."""

TABLES = tuple(dict.fromkeys(key.path.partition(".")[0] for key in KEYS if "." in key.path))
"""The tables that hold tables with names of the user's."""

_BY_PATH: Mapping[str, Key] = {key.path: key for key in KEYS}


def key_of(path: str) -> Key:
    """The key of a path, whose NAME may be any."""
    table, _, rest = path.partition(".")
    return _BY_PATH[f"{table}.NAME.{rest.rpartition('.')[2]}" if rest else table]


def add_options(add: Callable[..., object]) -> None:
    """Add `--config` and the option of every key by argparse's `add_argument` or pytest's `addoption`."""
    add(
        "--config",
        dest=f"{_DEST}config",
        metavar="FILE",
        help=f"configuration (default: {FILE_NAME} where there is one)",
    )
    kinds: Mapping[str, Mapping[str, object]] = {"names": {"action": "append"}, "number": {"type": int}}
    for key in KEYS:
        if key.option:
            text = f"{key.meaning} (default: {key.default})"
            add(
                key.option,
                dest=_DEST + key.name,
                metavar=key.metavar,
                default=None,
                help=text,
                **kinds.get(key.kind, {}),
            )


def given_options(namespace: argparse.Namespace) -> dict[str, object]:
    """The options that were given, by name, `--config` aside."""
    values = {key.name: getattr(namespace, _DEST + key.name, None) for key in KEYS if key.option}
    return {name: value for name, value in values.items() if value is not None}
