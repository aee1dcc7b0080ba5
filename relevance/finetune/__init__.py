"""Fine-tuning of an embedding model on judged pairs of queries that no benchmark evaluates.

It knows of a data set's pairs and catalogue and of models, and nothing of configuration, engines or pytest. The options
of a training stand here: `pytest --help` loads them, and no numpy with them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Literal

from annotated_types import Interval, MinLen

from relevance.errors import InputError
from relevance.finetune.losses import LOSSES, MINING
from relevance.finetune.sources import OWN
from relevance.setting import OneOf, Takes, Text, setting, text_of

__all__ = ["SAMPLE_EPOCHS", "Options", "RerankerOptions"]

SAMPLE_EPOCHS = 1
"""Of the packaged sample where nothing else is asked for: its main job, training included, is to stay short."""

_PART = Takes("number", "a number from 0 to below 1, such as 0.05")
_DIMENSIONS = Takes("list of whole numbers", "a list of whole numbers from 1, such as [384, 128, 64]")

_SCORERS = Takes("path or name", "a folder, OWNER/NAME on the Hugging Face hub, or finetuned")

_setting = partial(setting, command="finetune")


@dataclass(frozen=True)
class Options:
    """How a model is trained: `[finetune]` of the configuration.

    Raises:
        InputError: an option that changes nothing beside the others.
    """

    epochs: Annotated[int, Interval(ge=1, le=1_000)] = _setting(
        "passes over the pairs at most", "--epochs N", default=3, words=f"3; the sample: {SAMPLE_EPOCHS}"
    )
    batch_size: Annotated[int, Interval(ge=2, le=65_536)] = _setting("rows in a batch", "--batch-size N", default=32)
    learning_rate: Annotated[
        float, Interval(gt=0, lt=1), Takes("number between 0 and 1", "a number between 0 and 1, such as 0.00005")
    ] = _setting("its highest value, after the warm-up", "--learning-rate RATE", default=5e-5)
    max_tokens: Annotated[int, Interval(ge=3, le=1_000_000)] = _setting(
        "cut texts at so many tokens, in training alone", "--train-tokens N", default=64
    )
    seed: Annotated[int, Interval(ge=0, le=2**31)] = _setting(
        "of the order of the pairs and of dropout", "--seed N", default=12
    )
    loss: Annotated[str, OneOf(tuple(LOSSES))] = _setting(
        "; ".join(f"{name}: {loss.meaning}" for name, loss in LOSSES.items()), "--loss NAME", default="mnrl"
    )
    # evaluations, two an epoch
    patience: Annotated[int, Interval(ge=1, le=1_000)] = _setting(
        "half epochs without a better nDCG after which training ends", "--patience N", default=3
    )
    positive_from: Annotated[
        float, Interval(gt=1, le=3), Takes("number", "a number above 1 and up to 3, such as 2.5")
    ] = _setting("relevance, on the scale from 1 to 3, from which a pair is a positive", "--positive-from N", default=3)
    directions: Literal["query_to_doc", "both", "all"] = _setting(
        "what is held against what in a batch: queries against products; products against queries, too; or each "
        "against all others",
        "--directions NAME",
        default="query_to_doc",
    )
    hardness: Annotated[float, Interval(ge=0, le=100), Takes("number", "a number from 0 to 100, such as 5")] = _setting(
        "weigh a negative the more, the nearer it is to the query; 0 weighs all alike", "--hardness N", default=0
    )
    hardness_mode: Literal["all_negatives", "in_batch_negatives", "hard_negatives"] = _setting(
        "which negatives hardness weighs: hard ones are those that were mined",
        "--hardness-mode NAME",
        default="all_negatives",
    )
    negatives: Annotated[int | None, Interval(ge=0, le=100)] = _setting(
        "mined negatives a row", "--negatives N", words="the loss's own: 1 for hard, 4 with a teacher's scores, else 0"
    )
    relative_margin: Annotated[float, Interval(ge=0, lt=1), _PART] = _setting(
        "a mined negative's cosine, or a teacher's score, is below the positive's by this part of it",
        "--relative-margin PART",
        default=0.05,
    )
    absolute_margin: Annotated[float, Interval(ge=0, lt=1), _PART] = _setting(
        "a mined negative's cosine is below the positive's by so much", "--absolute-margin N", default=0
    )
    teacher: Annotated[Text | None, _SCORERS] = setting(
        "a cross-encoder whose scores are taught, or tell false negatives from true; finetuned: that of [reranker]",
        "--teacher PATH",
        words="none",
        command="finetune",
    )
    matryoshka: Annotated[tuple[Annotated[int, Interval(ge=1, le=65_536)], ...] | None, MinLen(1), _DIMENSIONS] = (
        _setting(
            "also train the vectors' first so many dimensions, a list, so that they can be cut there",
            "--matryoshka N,N",
            words="none",
        )
    )
    lora_rank: Annotated[int, Interval(ge=0, le=1_024)] = _setting(
        "train matrices of this rank beside the weights (LoRA, by peft), which are merged in the end; 0 trains the "
        "weights themselves",
        "--lora-rank N",
        default=0,
    )
    soup: Annotated[int, Interval(ge=1, le=100)] = _setting(
        "train so many times, with seeds that follow each other, and average the weights (a model soup)",
        "--soup N",
        default=1,
    )

    mix: Annotated[
        tuple[Text, ...],
        MinLen(1),
        Takes("list of sources", 'a list of names, each with or without its share, such as ["own", "titles=0.5"]'),
    ] = _setting(
        "what is trained on: own, the data set's pairs; descriptions, titles with the rest of their products' texts; "
        "titles, products with queries made of their titles; or a data set, NAME[:PATH]; NAME=SHARE takes a part",
        "--mix NAME[=SHARE]",
        default=(OWN,),
    )

    def __post_init__(self) -> None:
        """Refuse what would change nothing."""
        loss = LOSSES[self.loss]
        chosen = {each.name: getattr(self, each.name) for each in fields(self)}
        chosen = {name: value for name, value in chosen.items() if value != getattr(type(self), name)}
        for name in chosen:
            able = [other for other, one in LOSSES.items() if name in one.takes]
            if able and name not in loss.takes:
                line = f"{name} = {text_of(chosen[name])} changes nothing with the loss {self.loss}"
                raise InputError(f"{line}; allowed: with {', '.join(able)}")
        if "positive_from" in chosen and loss.rows == "graded":
            others = ", ".join(other for other, one in LOSSES.items() if one.rows != "graded")
            line = f"positive_from = {text_of(self.positive_from)} changes nothing with the loss {self.loss}"
            raise InputError(f"{line}, which takes pairs of all relevances; allowed: with {others}")
        if self.mined < loss.fewest:
            raise InputError(f"negatives = {self.mined} with the loss {self.loss}; allowed: {loss.fewest} or more")
        for name in MINING if not self.mined and not loss.taught else ():
            if name in chosen:
                raise InputError(f"{name} changes nothing where none are mined; allowed: negatives = 1 or more")
        if loss.taught and self.teacher is None:
            raise InputError(f"the loss {self.loss} needs a teacher; allowed: teacher = a cross-encoder")
        if "hardness_mode" in chosen and not self.hardness:
            raise InputError("hardness_mode changes nothing without hardness; allowed: hardness above 0")
        if self.hardness_mode == "hard_negatives" and not self.mined:
            raise InputError('hardness_mode = "hard_negatives" without any; allowed: negatives = 1 or more')

    @property
    def mined(self) -> int:
        """How many negatives are mined a row."""
        return LOSSES[self.loss].negatives if self.negatives is None else self.negatives


@dataclass(frozen=True)
class RerankerOptions:
    """What the training of a cross-encoder takes beside the options of fine-tuning: `[reranker]`."""

    layers: Annotated[int | None, Interval(ge=1, le=1_000)] = setting(
        "first layers of the base model that it keeps: fewer are faster", words="all"
    )
    negatives: Annotated[int, Interval(ge=0, le=100)] = setting(
        "near products that nobody judged for a query, for each that somebody did, trained on as irrelevant", default=1
    )
    pairs: Annotated[int, Interval(ge=10, le=10_000_000)] = setting(
        "pairs of an epoch at most, negatives included; of more, queries are drawn", default=20_000
    )
