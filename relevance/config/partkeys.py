"""The keys of single parts, whose tables have no names: Elasticsearch, the gate, fine-tuning."""

from __future__ import annotations

from dataclasses import replace

from relevance.config.key import Key
from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE
from relevance.finetune.recipe import SAMPLE_EPOCHS, Options

__all__ = ["ELASTICSEARCH", "FINETUNE", "GATE"]


def _finetune(name: str, kind: str, meaning: str, metavar: str, option: str = "") -> Key:
    """A key of `[finetune]`, whose default stands in `Options` and whose option is one of `relevance finetune`."""
    option = option or f"--{name.replace('_', '-')}"
    variable = f"RELEVANCE_FINETUNE_{name.upper()}"
    return Key(f"finetune.{name}", kind, str(getattr(Options, name)), meaning, option, metavar, variable, "finetune")


ELASTICSEARCH = (
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
)

GATE = (
    Key("gate.gated", "names", "nDCG@10, AP@10, RR@10", "metrics that are compared with a baseline"),
    Key("gate.leading", "name", "nDCG@10", "the one that warns by its drop alone, and whose large drops fail sooner"),
    Key("gate.fail", "limit", "0.02", "a drop of so much of the baseline's mean fails where it is sure"),
    Key("gate.fail_large", "limit", "0.05", "leading metric: so large a drop fails where it is hardly chance"),
    Key("gate.warn", "limit", "0.02", "so much warns: of the leading metric always, of the others where p is small"),
    Key("gate.warn_sure", "limit", "0.005", "so much warns where it is sure"),
    Key("gate.least_drop", "limit", "0.005", "means that differ by less never fail"),
    Key("gate.p_sure", "limit", "0.01", "highest p, over all that is gated, of what is sure"),
    Key("gate.p_warn", "limit", "0.05", "highest p of a metric by itself that warns"),
    Key("gate.p_large", "limit", "0.1", "highest p of the leading metric by itself of what is hardly chance"),
    Key("gate.large_queries", "limit", "1000", "from so many queries on, a large drop fails only where it is sure"),
    Key("gate.least_queries", "limit", "50", "with fewer queries nothing fails by statistics"),
    Key("gate.empty_queries", "limit", "3", "fewer queries that newly return nothing neither warn nor fail"),
    Key("gate.empty_warn", "limit", "0.005", "from this share of the queries on they warn"),
    Key("gate.empty_fail", "limit", "0.01", "from this share on they fail, unless as many newly return something"),
    Key("gate.time_warn", "limit", "1.5", "more than so many times the run time of before warns"),
    Key("gate.time_fail", "limit", "2.0", "more than so many times fails"),
    Key("gate.metrics", "limits", "none", "limits by metric, see below"),
    Key("gate.strategies", "limits", "none", "limits by strategy, see below"),
)

FINETUNE = (
    Key(
        "finetune.pairs_from_judgments",
        "share",
        "none: the data set's own pairs",
        "share of the queries that is trained on and leaves the benchmark; their judgments of the highest grade are "
        "the pairs",
        "--pairs-from-judgments",
        "SHARE",
    ),
    replace(
        _finetune("epochs", "positive", "passes over the pairs at most", "N"),
        default=f"{Options.epochs}; the sample: {SAMPLE_EPOCHS}",
    ),
    _finetune("batch_size", "batch", "pairs in a batch; the others' products are a query's negatives", "N"),
    _finetune("learning_rate", "rate", "its highest value, after the warm-up", "RATE"),
    _finetune("max_tokens", "tokens", "cut texts at so many tokens, in training alone", "N", "--train-tokens"),
    _finetune("seed", "seed", "of the order of the pairs and of dropout", "N"),
    _finetune("loss", "loss", "negatives of a query: those of its batch, or a mined (hard) one too", "NAME"),
    _finetune("patience", "positive", "half epochs without a better nDCG after which training ends", "N"),
)
