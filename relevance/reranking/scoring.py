"""A cross-encoder of sentence-transformers in memory; imports torch."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import CrossEncoder

from relevance.embeddings.sentence_model import limit_within, load_checked, positions_of, quiet, set_limit
from relevance.errors import CouldNotRunError
from relevance.reranking.cross_encoder import ScorerFacts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.reranking.cross_encoder import Scorer


class Predicting:
    """Scores pairs by a `CrossEncoder`."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder

    def predict(self, pairs: Sequence[tuple[str, str]], batch: int) -> npt.NDArray[np.float32]:
        """Shape (pairs,): the logits, which rank as their sigmoid does, and differ where that is 1 in 32 bits.

        Raises:
            CouldNotRunError: the model fails, for want of memory for instance.
        """
        try:
            with quiet():
                scores = self._encoder.predict(
                    list(pairs), batch_size=batch, show_progress_bar=False, activation_fn=torch.nn.Identity()
                )
        except (RuntimeError, IndexError) as error:
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise CouldNotRunError(f"the cross-encoder failed to score {len(pairs)} pairs: {reason}") from error
        return np.asarray(scores, dtype=np.float32)


def load(scorer: Scorer) -> Predicting:
    """Load a cross-encoder from its folder, without network or pickled weights.

    Raises:
        CouldNotRunError: the device is not there, or the libraries cannot load the model.
        InputError: weights are missing or of another shape.
    """
    encoder = _loaded(scorer.name, scorer.path, scorer.weights, device=scorer.device, trusted=scorer.trust_remote_code)
    set_limit(encoder, scorer.max_tokens)
    return Predicting(encoder)


def ask_scorer(name: str, path: Path, first: Path, *, device: str | None, trusted: bool) -> ScorerFacts:
    """Load a cross-encoder for what the library says of it.

    Raises:
        CouldNotRunError: as `load`.
        InputError: as `load`.
    """
    encoder = _loaded(name, path, first, device=device, trusted=trusted)
    most = None if encoder.model is None else positions_of(encoder.model)
    own = limit_within(encoder.max_seq_length or most, most)
    return ScorerFacts(labels=encoder.num_labels, max_tokens=own, most_tokens=most)


def _loaded(name: str, path: Path, first: Path, *, device: str | None, trusted: bool) -> Any:
    encoder_of = attrgetter("model")
    return load_checked(CrossEncoder, name, path, first, device=device, trusted=trusted, encoder_of=encoder_of)
