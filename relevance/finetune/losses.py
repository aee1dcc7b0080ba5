"""The losses that a model is trained with: one row each, and a further loss is a further row.

`pytest --help` names them, so nothing heavy is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.finetune import Options

MINING = ("relative_margin", "absolute_margin", "teacher")
"""Options of how negatives are mined: they change nothing where none are."""

_CONTRAST = ("directions", "hardness", "hardness_mode")
_SMALL_BATCH = 32
_TAUGHT_BESIDE = 4


@dataclass(frozen=True)
class Loss:
    """A loss of sentence-transformers.

    Attributes:
        meaning: what a row teaches, in a few words.
        rows: the kind of rows that it is given, a key of `relevance.finetune.rows.ROWS`.
        make: makes it from the library's module of losses, a `SentenceTransformer`, the options, and what loads the
            base model once more; what it wraps or caches and its own settings stand here too.
        takes: options beside those of every loss.
        negatives: mined products a row, where the option of that name does not say how many.
        fewest: mined products a row that it cannot do without.
        taught: whether it needs a teacher.
    """

    meaning: str
    rows: str
    make: Callable[[Any, Any, Options, Callable[[], Any]], Any]
    takes: tuple[str, ...] = ()
    negatives: int = 0
    fewest: int = 0
    taught: bool = False


def _contrast(options: Options) -> dict[str, Any]:
    """The library's settings of a loss over the products of a batch."""
    directions = {
        "query_to_doc": ("query_to_doc",),
        "both": ("query_to_doc", "doc_to_query"),
        "all": ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc"),
    }[options.directions]
    settings: dict[str, Any] = {"directions": directions}
    if options.directions == "both":
        settings["partition_mode"] = "per_direction"
    if options.hardness:
        settings |= {"hardness_mode": options.hardness_mode, "hardness_strength": options.hardness}
    return settings


def _gist(losses: Any, model: Any, options: Options, load_base: Callable[[], Any]) -> Any:
    guide = load_base()
    guide.max_seq_length = model.max_seq_length  # the guide reads the tokens of the model that is trained
    if options.mined > 1:
        return losses.CachedGISTEmbedLoss(model, guide, mini_batch_size=_SMALL_BATCH)
    return losses.GISTEmbedLoss(model, guide)


def _margin_mse(losses: Any, model: Any, *_: Any) -> Any:
    from sentence_transformers.util import pairwise_cos_sim  # noqa: PLC0415 - imports torch

    return losses.MarginMSELoss(model, similarity_fct=pairwise_cos_sim)


def _distill_kl(losses: Any, model: Any, *_: Any) -> Any:
    from sentence_transformers.util import pairwise_cos_sim  # noqa: PLC0415 - imports torch

    # a cosine is sharpened as by the library's losses over a batch, whose scale is 20; a teacher's logit is not
    return losses.DistillKLDivLoss(
        model, similarity_fct=pairwise_cos_sim, student_temperature=0.05, teacher_temperature=1.0
    )


LOSSES = {
    "mnrl": Loss(
        "a batch's other products are a query's negatives",
        rows="pairs",
        make=lambda losses, model, options, _: losses.MultipleNegativesRankingLoss(model, **_contrast(options)),
        takes=_CONTRAST,
    ),
    "cached_mnrl": Loss(
        "likewise, for batches larger than memory",
        rows="pairs",
        make=lambda losses, model, options, _: losses.CachedMultipleNegativesRankingLoss(
            model, mini_batch_size=_SMALL_BATCH, **_contrast(options)
        ),
        takes=(*_CONTRAST, "negatives", *MINING),
    ),
    "gist": Loss(
        "likewise, without those that the base model holds for better than the product",
        rows="pairs",
        make=_gist,
        takes=("negatives", *MINING),
    ),
    "hard": Loss(
        "as mnrl, and mined (hard) negatives",
        rows="pairs",
        make=lambda losses, model, options, _: losses.MultipleNegativesRankingLoss(model, **_contrast(options)),
        takes=(*_CONTRAST, "negatives", *MINING),
        negatives=1,
        fewest=1,
    ),
    "cosent": Loss(
        "of two rated pairs the better one is the nearer",
        rows="graded",
        make=lambda losses, model, *_: losses.CoSENTLoss(model),
    ),
    "angle": Loss(
        "likewise, by angles between complex vectors",
        rows="graded",
        make=lambda losses, model, *_: losses.AnglELoss(model),
    ),
    "margin_mse": Loss(
        "how much better than a mined product a teacher holds the own one for",
        rows="margins",
        make=_margin_mse,
        takes=("negatives", "teacher"),
        negatives=_TAUGHT_BESIDE,
        fewest=1,
        taught=True,
    ),
    "distill_kl": Loss(
        "a teacher's distribution over the own product and mined ones",
        rows="lists",
        make=_distill_kl,
        takes=("negatives", "teacher"),
        negatives=_TAUGHT_BESIDE,
        fewest=1,
        taught=True,
    ),
    "distill_mse": Loss(
        "a teacher's score of each of them, as the cosine",
        rows="scored",
        make=lambda losses, model, *_: losses.CosineSimilarityLoss(model),
        takes=("negatives", "teacher"),
        negatives=_TAUGHT_BESIDE,
        taught=True,
    ),
}
"""By the name in `Options.loss`."""
