"""A sentence-transformers model in memory; the one module that imports torch."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from relevance.embeddings.model import Model

_WORTH_COPIES = {"cpu": 2e13, "cuda": 1e15}
"""Multiplications, about one for each token and parameter, from which several processes save more than their start
costs: a minute or two of one process's work."""

_MOST_ON_CPU = 4
"""Each needs half a gigabyte beside its copy of the model; further cores are threads of these."""


@contextmanager
def quiet() -> Iterator[None]:
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


class SentenceModel:
    """Encodes by a `sentence_transformers.SentenceTransformer`.

    Attributes:
        transformer: the library's model, truncation set.
    """

    def __init__(self, transformer: Any, model: Model) -> None:
        self.transformer = transformer
        self._model = model

    @property
    def device(self) -> str:
        """Where it computes, as torch names it."""
        return str(self.transformer.device)

    def token_counts(self, texts: Sequence[str], prompt: str) -> list[int]:
        """Length of prompt + text in tokens, special ones included, before anything is cut."""
        encoded = self.transformer.tokenizer(
            [prompt + text for text in texts],
            truncation=False,
            padding=False,
            verbose=False,
            return_attention_mask=False,
        )
        return [len(ids) for ids in encoded["input_ids"]]

    def encode(self, texts: Sequence[str], prompt: str) -> npt.NDArray[np.float32]:
        """Shape (texts, dimensions).

        Raises:
            CouldNotRunError: the model fails, for want of memory for instance.
        """
        try:
            # an empty prompt is passed as such: None would let the model's default prompt in
            with quiet():
                vectors = self.transformer.encode(
                    list(texts), prompt=prompt, batch_size=len(texts), show_progress_bar=False
                )
        except RuntimeError as error:
            raise CouldNotRunError(f"the model failed to encode {len(texts)} texts: {_first_line(error)}") from error
        return np.asarray(vectors, dtype=np.float32)

    def copies(self, tokens: int) -> Sequence[Callable[[], SentenceModel]]:
        """A loader for each process that should share the work: one a CUDA device, or a few on the CPU; else none."""
        kind = self.transformer.device.type
        parameters = sum(parameter.numel() for parameter in self.transformer.parameters())
        if kind not in _WORTH_COPIES or tokens * parameters < _WORTH_COPIES[kind]:
            return []
        places = _cuda_devices(self._model.device) if kind == "cuda" else _shares_of_cpu()
        return [partial(load_copy, self._model, *place) for place in places] if len(places) > 1 else []


def _cuda_devices(chosen: str | None) -> list[tuple[str, None]]:
    """All, unless one is named by its number."""
    import torch  # noqa: PLC0415 - a model is in memory

    if chosen is not None and ":" in chosen:
        return []
    return [(f"cuda:{number}", None) for number in range(torch.cuda.device_count())]


def _shares_of_cpu() -> list[tuple[str, int]]:
    """Processes before threads: threads wait for each other in every operation, long where others use the cores too."""
    import torch  # noqa: PLC0415 - a model is in memory

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = min(usable, torch.get_num_threads())
    count = min(threads, _MOST_ON_CPU)
    return [("cpu", threads // count)] * count


def load(model: Model) -> SentenceModel:
    """Load a model from its folder, without network, code of its own or pickled weights.

    Raises:
        CouldNotRunError: the device is not there, or the libraries cannot load the model.
        InputError: weights are missing, or the query prompt alone reaches the token limit.
    """
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes seconds

    if model.device is not None:
        _check_device(model.device)
    safely: dict[str, Any] = {"use_safetensors": True}
    try:
        with quiet():
            transformer: Any = SentenceTransformer(
                str(model.path),
                device=model.device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs=safely,
            ).float()
            # what the library had to make up at random, which it tells only where it is asked; no weight is read again
            _, report = type(transformer[0].auto_model).from_pretrained(
                model.weights.parent, output_loading_info=True, device_map="meta", local_files_only=True, **safely
            )
    except Exception as error:  # whatever the libraries raise for a folder that they cannot read
        raise CouldNotRunError(f"model {model.name}: cannot be loaded: {_first_line(error)}") from error
    # it would be another model in every run, under one cache key; the pooler is not used
    if lacking := sorted(name for name in report["missing_keys"] if not name.startswith("pooler.")):
        raise InputError(f"{model.weights}: {len(lacking)} weights of the model are missing, the first is {lacking[0]}")
    transformer.max_seq_length = model.max_tokens
    loaded = SentenceModel(transformer, model)
    if model.prompt and loaded.token_counts([""], model.prompt)[0] >= model.max_tokens:
        raise InputError(f"the query prompt {model.prompt!r} alone has {model.max_tokens} tokens or more; shorten it")
    return loaded


def load_copy(model: Model, device: str, threads: int | None) -> SentenceModel:
    """Load a model in a process of its own, on a device and with as many threads; see `load`."""
    import torch  # noqa: PLC0415 - seconds, and only where something is encoded

    if threads is not None:
        torch.set_num_threads(threads)
    return load(replace(model, device=device))


def _check_device(device: str) -> None:
    import torch  # noqa: PLC0415 - seconds, and only where something is encoded

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ImportError, ValueError):
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            there.append("mps")
        raise CouldNotRunError(f"device {device!r} is not there; available: {', '.join(there)}") from None


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
