"""Options that change nothing beside others are one line, and the settings of a loss are the library's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from relevance.errors import InputError
from relevance.finetune import Options
from relevance.finetune.losses import LOSSES

TAUGHT = "margin_mse, distill_kl, distill_mse"
IDLE = {
    "graded, mined": (
        {"loss": "cosent", "negatives": 2},
        f"negatives = 2 changes nothing with the loss cosent; allowed: with cached_mnrl, gist, hard, {TAUGHT}",
    ),
    "no negatives": (
        {"relative_margin": 0.1},
        "relative_margin = 0.1 changes nothing with the loss mnrl; allowed: with cached_mnrl, gist, hard",
    ),
    "none mined": (
        {"loss": "gist", "absolute_margin": 0.1},
        "absolute_margin changes nothing where none are mined; allowed: negatives = 1 or more",
    ),
    "hardness of a grade": (
        {"loss": "angle", "hardness": 5.0},
        "hardness = 5.0 changes nothing with the loss angle; allowed: with mnrl, cached_mnrl, hard",
    ),
    "no hardness": (
        {"hardness_mode": "in_batch_negatives"},
        "hardness_mode changes nothing without hardness; allowed: hardness above 0",
    ),
    "a teacher of pairs": (
        {"teacher": "t"},
        f"teacher = t changes nothing with the loss mnrl; allowed: with cached_mnrl, gist, hard, {TAUGHT}",
    ),
    "a teacher of no negatives": (
        {"loss": "gist", "teacher": "t"},
        "teacher changes nothing where none are mined; allowed: negatives = 1 or more",
    ),
    "no teacher": (
        {"loss": "margin_mse"},
        "the loss margin_mse needs a teacher; allowed: teacher = a cross-encoder",
    ),
    "nothing beside": (
        {"loss": "distill_kl", "teacher": "t", "negatives": 0},
        "negatives = 0 with the loss distill_kl; allowed: 1 or more",
    ),
    "no hard ones": (
        {"loss": "cached_mnrl", "hardness": 5, "hardness_mode": "hard_negatives"},
        'hardness_mode = "hard_negatives" without any; allowed: negatives = 1 or more',
    ),
}


@pytest.mark.parametrize(("options", "line"), IDLE.values(), ids=IDLE)
def test_what_changes_nothing_is_one_line(options: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as caught:
        Options(**options)
    assert str(caught.value) == line


def _made(**options: Any) -> tuple[str, dict[str, Any]]:
    """The library's loss and its settings."""
    calls: list[tuple[str, dict[str, Any]]] = []
    names = (
        "MultipleNegativesRankingLoss",
        "CachedMultipleNegativesRankingLoss",
        "GISTEmbedLoss",
        "CachedGISTEmbedLoss",
    )

    def noting(name: str) -> Any:
        return lambda *_, **settings: calls.append((name, settings))

    model = SimpleNamespace(max_seq_length=8)
    given = Options(**options)
    LOSSES[given.loss].make(SimpleNamespace(**{name: noting(name) for name in names}), model, given, lambda: model)
    return calls[0]


def test_the_settings_are_the_librarys() -> None:
    mnrl, forward = "MultipleNegativesRankingLoss", {"directions": ("query_to_doc",)}
    assert _made() == (mnrl, forward)
    both = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    assert _made(directions="both") == (mnrl, both)
    every = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")
    assert _made(loss="cached_mnrl", directions="all") == (
        "CachedMultipleNegativesRankingLoss",
        {"mini_batch_size": 32, "directions": every},
    )
    hard = {"hardness_mode": "hard_negatives", "hardness_strength": 5.0}
    assert _made(loss="hard", hardness=5.0, hardness_mode="hard_negatives") == (mnrl, forward | hard)


def test_a_guide_of_several_negatives_is_the_librarys_cached_one() -> None:
    assert _made(loss="gist", negatives=1)[0] == "GISTEmbedLoss"
    assert _made(loss="gist", negatives=2)[0] == "CachedGISTEmbedLoss"
