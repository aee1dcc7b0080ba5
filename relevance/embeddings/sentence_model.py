"""A sentence-transformers model in memory; the one module that imports torch."""

from __future__ import annotations

import contextlib
import logging
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from relevance.embeddings.model import Model

__all__ = ["SentenceModel", "load"]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' progress bars, reports and warnings off the user's terminal; errors still pass."""
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415 - imports torch

    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    levels = [logger.level for logger in loggers]
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _check_device(device: str) -> None:
    import torch  # noqa: PLC0415 - seconds, and only where something is encoded

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ImportError, ValueError):
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            there.append("mps")
        raise CouldNotRunError(f"device {device!r} is not there; available: {', '.join(there)}") from None


def _refuse_missing_weights(model: Model, transformer: Any) -> None:
    """A weight that the file lacks is made up at random: other vectors in every run, under one cache key."""
    from safetensors import safe_open  # noqa: PLC0415 - imports torch

    with safe_open(model.weights, framework="pt") as file:
        stored = [name.replace(".gamma", ".weight").replace(".beta", ".bias") for name in file.keys()]  # noqa: SIM118
    # A checkpoint may carry a prefix ("bert.") that the bare model does not have.
    known = {name[start:] for name in stored for start in (0, *(dot.end() for dot in re.finditer(r"\.", name)))}
    lacking = [
        name for name, _ in transformer.named_parameters() if name not in known and not name.startswith("pooler.")
    ]
    if lacking:
        raise InputError(f"{model.weights}: {len(lacking)} weights of the model are missing, the first is {lacking[0]}")


class SentenceModel:
    """Encodes by a `sentence_transformers.SentenceTransformer`.

    Args:
        transformer: the loaded model, truncation set.
    """

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer

    @property
    def device(self) -> str:
        """Where it computes, as torch names it."""
        return str(self._transformer.device)

    def token_counts(self, texts: Sequence[str], prompt: str) -> list[int]:
        """Length of prompt + text in tokens, special ones included, before anything is cut."""
        full = [prompt + text for text in texts]
        encoded = self._transformer.tokenizer(
            full, truncation=False, padding=False, verbose=False, return_attention_mask=False
        )
        return [len(ids) for ids in encoded["input_ids"]]

    def encode(self, texts: Sequence[str], prompt: str) -> npt.NDArray[np.float32]:
        """Shape (texts, dimensions).

        Raises:
            CouldNotRunError: the model fails, for want of memory for instance.
        """
        try:
            # An empty prompt is passed as such: None would let the model's default prompt in.
            with _quiet():
                vectors = self._transformer.encode(
                    list(texts), prompt=prompt, batch_size=len(texts), show_progress_bar=False
                )
        except RuntimeError as error:
            raise CouldNotRunError(f"the model failed to encode {len(texts)} texts: {_first_line(error)}") from error
        return np.asarray(vectors, dtype=np.float32)


def load(model: Model) -> SentenceModel:
    """Load a model from its folder, without network, code of its own or pickled weights.

    Raises:
        CouldNotRunError: the device is not there, or the libraries cannot load the model.
        InputError: weights are missing, or the query prompt alone reaches the token limit.
    """
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes seconds

    if model.device is not None:
        _check_device(model.device)
    try:
        with _quiet():
            transformer = SentenceTransformer(
                str(model.path),
                device=model.device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            ).float()
    except Exception as error:  # whatever the libraries raise for a folder that they cannot read
        raise CouldNotRunError(f"model {model.name}: cannot be loaded: {_first_line(error)}") from error
    _refuse_missing_weights(model, transformer[0].auto_model)
    transformer.max_seq_length = model.max_tokens
    loaded = SentenceModel(transformer)
    if model.prompt and loaded.token_counts([""], model.prompt)[0] >= model.max_tokens:
        raise InputError(f"the query prompt {model.prompt!r} alone has {model.max_tokens} tokens or more; shorten it")
    return loaded
