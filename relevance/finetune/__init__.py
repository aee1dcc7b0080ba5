"""Fine-tuning of an embedding model on judged pairs of queries that no benchmark evaluates.

It knows of a data set's pairs and catalogue and of models, and nothing of configuration, engines or pytest. The options
of a training stand here: `pytest --help` loads them, and no numpy with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from annotated_types import Interval

from relevance.finetune.losses import LOSSES
from relevance.setting import OneOf, Takes, setting

__all__ = ["SAMPLE_EPOCHS", "Options"]

SAMPLE_EPOCHS = 1
"""Of the packaged sample where nothing else is asked for: its main job, training included, is to stay short."""

_setting = partial(setting, command="finetune")


@dataclass(frozen=True)
class Options:
    """How a model is trained: `[finetune]` of the configuration."""

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
