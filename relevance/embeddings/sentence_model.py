"""A sentence-transformers model in memory; the one module that imports torch."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
import time
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.embeddings.model import Facts
from relevance.errors import CouldNotRunError, InputError
from relevance.text import one_line, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.model import Model, Side

    _Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]

_BATCH = 32
_COUNTED_AT_ONCE = 1024
_NO_LIMIT = 1_000_000_000  # tokenizers write 1e30 for "none"
_LONGEST_REASON = 600
_WORTH_A_POOL = {"cpu": 2e13, "cuda": 1e15}
"""Multiplications, about one for each token and parameter, from which several processes save more than their start
costs: a minute or two of one process's work."""
_MOST_ON_CPU = 4
"""Each needs half a gigabyte; further cores are threads of these."""
_BATCHES_AT_ONCE = 4
"""That each process of a pool is given between two looks of ours: what an interrupt costs."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' progress bars, reports and warnings off the user's terminal; errors still pass."""
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415 - imports torch

    level, bars = logging.root.manager.disable, transformers_logging.is_progress_bar_enabled()
    logging.disable(logging.WARNING)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.disable(level)
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
        parts = (prompted[start : start + _COUNTED_AT_ONCE] for start in range(0, len(prompted), _COUNTED_AT_ONCE))
        return [len(ids) for part in parts for ids in tokenizer(part, **options)["input_ids"]]

    def encode(self, texts: Sequence[str], side: Side, **pool: Any) -> npt.NDArray[np.float32]:
        """Shape (texts, dimensions); `pool` are the library's options of a pool of processes.

        Raises:
            CouldNotRunError: the model fails, for want of memory for instance.
        """
        encode = self.transformer.encode_query if side == "query" else self.transformer.encode_document
        try:
            with quiet():
                vectors = encode(
                    list(texts), prompt=self._model.prompt(side), batch_size=_BATCH, show_progress_bar=False, **pool
                )
        except (EOFError, ConnectionError) as error:  # its end of a pipe is closed
            raise CouldNotRunError(
                f"the model failed to encode {len(texts)} texts: a process died unexpectedly"
            ) from error
        except (RuntimeError, IndexError) as error:
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise CouldNotRunError(f"the model failed to encode {len(texts)} texts: {reason}") from error
        return np.asarray(vectors, dtype=np.float32)

    @contextmanager
    def at_work(self, tokens: int, side: Side) -> Iterator[tuple[_Encode, int]]:
        """What encodes texts of so many tokens, and how many at once: in several processes where that is worth it."""
        devices, threads = self._devices(tokens)
        if not devices:
            yield (lambda texts: self.encode(texts, side)), _BATCH
            return
        place = self.transformer.device
        self.transformer.in_pool = _InPool(threads)
        with quiet(), _interrupts_blocked():
            pool = self.transformer.start_multi_process_pool(devices)
        try:
            yield (
                lambda texts: self.encode(texts, side, pool=pool, chunk_size=_BATCH),
                _BATCH * _BATCHES_AT_ONCE * len(devices),
            )
        finally:
            self.transformer.stop_multi_process_pool(pool)
            del self.transformer.in_pool
            self.transformer.to(place)  # which the library has moved to the CPU

    def _devices(self, tokens: int) -> tuple[list[str], int]:
        """The devices of a pool, none where it is not worth its start; and the threads of each of its processes."""
        import torch  # noqa: PLC0415 - a model is in memory

        kind = self.transformer.device.type
        parameters = sum(parameter.numel() for parameter in self.transformer.parameters())
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = min(usable, torch.get_num_threads())
        # processes before threads: threads wait for each other in every operation
        count = min(threads, _MOST_ON_CPU) if kind == "cpu" else torch.cuda.device_count()
        one = kind not in _WORTH_A_POOL or tokens * parameters < _WORTH_A_POOL[kind] or count < 2  # noqa: PLR2004
        if one or ":" in (self._model.device or ""):  # a GPU that is named by its number is the only one
            return [], threads
        return (["cpu"] * count if kind == "cpu" else [f"cuda:{at}" for at in range(count)]), max(1, threads // count)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes that start meanwhile never see Ctrl-C, which the terminal sends to all: the run alone decides."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the first start does it, which lets interrupts in again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _InPool:
    """Goes with the model into each process of the library's pool, and sees there to what the pool does not.

    Else each process takes all cores, prints a traceback of every error, leaves a semaphore behind, and outlives a run
    that is killed.
    """

    def __init__(self, threads: int) -> None:
        self.threads, self.parent = threads, os.getpid()

    def __setstate__(self, state: dict[str, int]) -> None:
        import torch  # noqa: PLC0415 - a model is in memory
        from tqdm import tqdm  # noqa: PLC0415 - the same

        torch.set_num_threads(state["threads"])
        logging.disable(logging.CRITICAL)
        tqdm.set_lock(threading.RLock())
        threading.Thread(target=_end_with, args=(state["parent"],), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def load(model: Model) -> SentenceModel:
    """Load a model from its folder, without network or pickled weights; code of its own only where it is trusted.

    Raises:
        CouldNotRunError: the device is not there, or the libraries cannot load the model.
        InputError: weights are missing or of another shape, or a prompt alone reaches the token limit.
    """
    transformer = _loaded(
        model.name, model.path, model.transformer, device=model.device, trusted=model.trust_remote_code
    )
    transformer.truncate_dim = model.truncate_dim  # None cuts nothing, whatever the model's files say
    set_limit(transformer, model.max_tokens)
    loaded = SentenceModel(transformer, model)
    for side, prompt in (("query", model.query_prompt), ("document", model.document_prompt)):
        if prompt and model.max_tokens and loaded.token_counts([""], side)[0] >= model.max_tokens:  # type: ignore[arg-type]
            shown = shortened(repr(prompt), 60)
            raise InputError(f"the {side} prompt {shown} alone has {model.max_tokens} tokens or more; shorten it")
    return loaded


def ask(name: str, path: Path, first: Path, *, device: str | None, trusted: bool) -> Facts:
    """Load a model for what the library says of it; `path` is its folder, `first` that of its first module.

    Raises:
        CouldNotRunError: as `load`.
        InputError: as `load`, or it has no vocabulary.
    """
    transformer = _loaded(name, path, first, device=device, trusted=trusted)
    prompts, tokenizer = transformer.prompts, transformer.tokenizer
    of_documents = next((side for side in ("document", "passage", "corpus") if side in prompts), "document")
    encoder = getattr(transformer[0], "auto_model", None)
    most = None if encoder is None else positions_of(encoder)
    own = transformer.max_seq_length or getattr(tokenizer, "model_max_length", None) or most
    own = limit_within(own, most)
    if encoder is not None and len(tokenizer) <= len(tokenizer.all_special_tokens):
        # the library makes up a tokenizer to which every word is unknown
        raise InputError(f"{first}: no vocabulary; allowed: tokenizer.json, or the files of the model's tokenizer")
    cut, transformer.truncate_dim = transformer.truncate_dim, None
    try:
        with quiet():
            vector = transformer.encode_document("a", prompt="", show_progress_bar=False)
    except Exception as error:
        raise unloadable(name, error) from error
    is_plain = not (path / "modules.json").exists()
    return Facts(
        dimensions=len(vector),
        query_prompt=prompts.get("query") or "",
        document_prompt=prompts.get(of_documents) or "",
        max_tokens=own,
        truncate_dim=cut,
        similarity=str(transformer.similarity_fn_name),
        most_tokens=most,
        is_static=transformer.max_seq_length == math.inf,
        pooling=str(getattr(transformer[-1], "pooling_mode", "")) if is_plain else "",
        unused_prompt=next((prompts[key] for key in ("passage", "corpus") if prompts.get(key)), ""),
    )


def limit_within(own: float | None, most: int | None) -> int | None:
    """Give the limit of tokens that a model names, at most its positions; None where it names none."""
    return None if own is None or own >= _NO_LIMIT else int(min(own, most or own))


def positions_of(encoder: Any) -> int | None:
    """Give the number of tokens that an encoder has positions for, None where any."""
    table: Any = next((part for name, part in encoder.named_modules() if name.endswith("position_embeddings")), None)
    if (count := getattr(table, "num_embeddings", None)) is None:
        return getattr(encoder.config, "max_position_embeddings", None)
    # models of RoBERTa's kind number their positions from behind the padding token's id
    return int(count) if table.padding_idx is None else int(count) - table.padding_idx - 1


def _loaded(name: str, path: Path, first: Path, *, device: str | None, trusted: bool) -> Any:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes seconds

    def encoder_of(transformer: Any) -> Any:
        return getattr(transformer[0], "auto_model", None)

    # the pooler is not used
    return load_checked(
        SentenceTransformer,
        name,
        path,
        first,
        device=device,
        trusted=trusted,
        encoder_of=encoder_of,
        unused="pooler.",
    )


def load_checked(  # noqa: PLR0913 - by name
    kind: Callable[..., Any],
    name: str,
    path: Path,
    first: Path,
    *,
    device: str | None,
    trusted: bool,
    encoder_of: Callable[[Any], Any],
    unused: str = "",
) -> Any:
    """Load a model of one of the library's kinds from its folder, without network or pickled weights.

    Args:
        kind: the library's class.
        name: for messages.
        path: the folder.
        first: that of its weights.
        device: as chosen.
        trusted: whether code that the model brings is run.
        encoder_of: gives the part that has these weights, or None where there is none.
        unused: begins the names of weights that may be missing.

    Raises:
        CouldNotRunError: the device is not there, or the libraries cannot load the model.
        InputError: weights are missing or of another shape.
    """
    if device is not None:
        check_device(device)
    try:
        with quiet():
            model: Any = kind(
                str(path),
                device=device,
                local_files_only=True,
                trust_remote_code=trusted,
                model_kwargs=dict(LOADING),
            ).float()
            report = None if (encoder := encoder_of(model)) is None else made_up(encoder, first)
    except (Exception, SystemExit) as error:  # whatever the libraries, or code that is trusted, raise
        raise unloadable(name, error) from error
    if report is not None:
        refuse_made_up(report, first, but=unused)
    return model


LOADING: Mapping[str, Any] = MappingProxyType({"use_safetensors": True, "ignore_mismatched_sizes": True})
"""Options with which weights are loaded, of which `made_up` tells what is wrong."""


def made_up(encoder: Any, folder: Path) -> Mapping[str, Any]:
    """Ask what the library had to make up at random, which it tells only where asked; no weight is read again."""
    _, report = type(encoder).from_pretrained(
        folder, output_loading_info=True, device_map="meta", local_files_only=True, **LOADING
    )
    return report  # type: ignore[no-any-return] # of a library without types


def refuse_made_up(report: Mapping[str, Any], first: Path, *, but: str = "") -> None:
    """Raise where weights were made up: it would be another model in every run, under one cache key.

    Raises:
        InputError: weights are missing, aside of those whose names begin with `but`, or of another shape.
    """
    lacking = sorted(key for key in report["missing_keys"] if not (but and key.startswith(but)))
    if lacking:
        raise InputError(f"{first}: {len(lacking)} weights of the model are missing, the first is {lacking[0]}")
    if report["mismatched_keys"]:
        key, held, asked = min(report["mismatched_keys"])
        sizes = f"the weights {key} have shape {list(held)}, and config.json asks for {list(asked)} (its sizes)"
        raise InputError(f"{first}: {sizes}; allowed: files of one model")


def unloadable(name: str, error: BaseException) -> CouldNotRunError:
    """Make the error of a model that the libraries cannot load."""
    reason = one_line(str(error), _LONGEST_REASON) or type(error).__name__
    return CouldNotRunError(f"model {name}: cannot be loaded: {reason}")


def set_limit(transformer: Any, tokens: int | None) -> None:
    """Have the library's model cut texts behind so many tokens; None, of static embeddings, leaves it alone."""
    if tokens is not None:
        transformer.max_seq_length = tokens


def save(transformer: Any, model: Model, folder: Path) -> None:
    """Write what was loaded as `model`, trained since perhaps, so that it is used as here wherever it is loaded next.

    Prompts, similarity and truncation are those in force; texts are cut where `model` cuts them by itself.
    """
    limit, prompts = transformer.max_seq_length, transformer.prompts
    set_limit(transformer, (model.own and model.own.max_tokens) or model.max_tokens)
    transformer.prompts = {**prompts, "query": model.query_prompt, "document": model.document_prompt}
    try:
        transformer.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
    finally:
        transformer.prompts = prompts
        if model.max_tokens is not None:
            set_limit(transformer, limit)


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        CouldNotRunError: it is not; the line names those that are.
    """
    import torch  # noqa: PLC0415 - seconds, and only where something is encoded

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ImportError, ValueError):
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            there.append("mps")
        raise CouldNotRunError(f"device {device!r} is not there; available: {', '.join(there)}") from None
