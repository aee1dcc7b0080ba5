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
from relevance.text import one_line, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.model import Model, Side

_WORTH_COPIES = {"cpu": 2e13, "cuda": 1e15}
"""Multiplications, about one for each token and parameter, from which several processes save more than their start
costs: a minute or two of one process's work."""

_LONGEST_REASON = 300

_MOST_ON_CPU = 4
"""Each needs half a gigabyte beside its copy of the model; further cores are threads of these."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' progress bars, reports and warnings off the user's terminal; errors still pass."""
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415 - imports torch

    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    levels = [logger.level for logger in loggers]
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()


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

    def token_counts(self, texts: Sequence[str], side: Side) -> list[int]:
        """Length of prompt + text in tokens, special ones included, before anything is cut."""
        prompted = [self._model.prompt(side) + text for text in texts]
        tokenizer = self.transformer.tokenizer
        if self._model.max_tokens is None:  # static embeddings: the library of tokenizers, without special tokens
            return [len(encoding) for encoding in tokenizer.encode_batch(prompted, add_special_tokens=False)]
        options = {"truncation": False, "padding": False, "verbose": False, "return_attention_mask": False}
        return [len(ids) for ids in tokenizer(prompted, **options)["input_ids"]]

    def encode(self, texts: Sequence[str], side: Side) -> npt.NDArray[np.float32]:
        """Shape (texts, dimensions).

        Raises:
            CouldNotRunError: the model fails, for want of memory for instance.
        """
        encode = self.transformer.encode_query if side == "query" else self.transformer.encode_document
        try:
            with quiet():
                vectors = encode(
                    list(texts), prompt=self._model.prompt(side), batch_size=len(texts), show_progress_bar=False
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
    """Load a model from its folder, without network or pickled weights; code of its own only where it is trusted.

    Raises:
        CouldNotRunError: the device is not there, or the libraries cannot load the model.
        InputError: weights are missing, or a prompt alone reaches the token limit.
    """
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes seconds

    if model.device is not None:
        _check_device(model.device)
    safely: dict[str, Any] = {"use_safetensors": True}
    lacking: list[str] = []
    try:
        with quiet():
            transformer: Any = SentenceTransformer(
                str(model.path),
                device=model.device,
                local_files_only=True,
                trust_remote_code=model.trust_remote_code,
                model_kwargs=safely,
            ).float()
            transformer.truncate_dim = model.truncate_dim  # None cuts nothing, whatever the model's files say
            if (encoder := getattr(transformer[0], "auto_model", None)) is not None:
                # what the library had to make up at random, which it tells only where asked; no weight is read again
                _, report = type(encoder).from_pretrained(
                    model.transformer, output_loading_info=True, device_map="meta", local_files_only=True, **safely
                )
                # it would be another model in every run, under one cache key; the pooler is not used
                lacking = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    except (Exception, SystemExit) as error:  # whatever the libraries, or code that is trusted, raise
        if "ignore_mismatched_sizes" in str(error) and (problem := _other_shape(model)):
            raise InputError(f"{model.transformer}: {problem}; allowed: files of one model") from None
        reason = one_line(str(error), _LONGEST_REASON) or type(error).__name__
        raise CouldNotRunError(f"model {model.name}: cannot be loaded: {reason}") from error
    if lacking:
        problem = f"{len(lacking)} weights of the model are missing, the first is {lacking[0]}"
        raise InputError(f"{model.transformer}: {problem}")
    set_limit(transformer, model.max_tokens)
    loaded = SentenceModel(transformer, model)
    for side, prompt in (("query", model.query_prompt), ("document", model.document_prompt)):
        if prompt and model.max_tokens and loaded.token_counts([""], side)[0] >= model.max_tokens:  # type: ignore[arg-type]
            shown = shortened(repr(prompt), 60)
            raise InputError(f"the {side} prompt {shown} alone has {model.max_tokens} tokens or more; shorten it")
    return loaded


def _other_shape(model: Model) -> str:
    """The first of a transformer's weights that its settings ask for in another shape."""
    from transformers import AutoModel  # noqa: PLC0415 - imports torch

    options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "device_map": "meta"}
    try:
        with quiet():
            _, report = AutoModel.from_pretrained(
                model.transformer, output_loading_info=True, ignore_mismatched_sizes=True, **options
            )
        name, held, asked = min(report["mismatched_keys"])
    except Exception:  # noqa: BLE001 - it was to explain another error
        return ""
    return f"the weights {name} have shape {list(held)}, and config.json asks for {list(asked)} (its sizes)"


def set_limit(transformer: Any, tokens: int | None) -> None:
    """Have the library's model cut texts behind so many tokens; None, of static embeddings, leaves it alone."""
    if tokens is not None:
        transformer.max_seq_length = tokens


def save(transformer: Any, model: Model, folder: Path) -> None:
    """Write what was loaded as `model`, trained since perhaps, so that it is used as here wherever it is loaded next.

    Prompts, similarity and truncation are those in force; texts are cut where `model` cuts them by itself.
    """
    limit, prompts = transformer.max_seq_length, transformer.prompts
    set_limit(transformer, model.own_max_tokens or model.max_tokens)
    transformer.prompts = {**prompts, "query": model.query_prompt, "document": model.document_prompt}
    try:
        transformer.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
    finally:
        transformer.prompts = prompts
        if model.max_tokens is not None:
            set_limit(transformer, limit)


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
