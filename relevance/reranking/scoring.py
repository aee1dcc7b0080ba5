"""A cross-encoder of sentence-transformers in memory; imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import CrossEncoder

from relevance.embeddings.sentence_model import (
    LOADING,
    check_device,
    made_up,
    positions_of,
    quiet,
    refuse_made_up,
    set_limit,
    unloadable,
)
from relevance.errors import CouldNotRunError
from relevance.reranking.cross_encoder import ScorerFacts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.reranking.cross_encoder import Scorer

_NO_LIMIT = 1_000_000_000  # tokenizers write 1e30 for "none"


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
    own = encoder.max_seq_length or most
    own = None if own is None or own >= _NO_LIMIT else min(own, most or own)
    return ScorerFacts(labels=encoder.num_labels, max_tokens=own, most_tokens=most)


def _loaded(name: str, path: Path, first: Path, *, device: str | None, trusted: bool) -> Any:
    if device is not None:
        check_device(device)
    try:
        with quiet():
            encoder: Any = CrossEncoder(
                str(path), device=device, local_files_only=True, trust_remote_code=trusted, model_kwargs=dict(LOADING)
            ).float()
            report = None if encoder.model is None else made_up(encoder.model, first)
    except (Exception, SystemExit) as error:  # whatever the libraries, or code that is trusted, raise
        raise unloadable(name, error) from error
    if report is not None:
        refuse_made_up(report, first)
    return encoder
