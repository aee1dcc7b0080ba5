"""How long it takes to encode one query: measured where the model is in memory anyway, kept beside the vectors."""

from __future__ import annotations

import json
import math
import statistics
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.files import read_json_object, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from relevance.embeddings.encoder import LoadedModel

_FILE = "query_time.json"
_TIMED_QUERIES = 32
_UNTIMED_QUERIES = 3
_BUSY_SHARE = 0.2
"""Of all cores, used by other processes: from there on the time of a query is not this machine's."""
_LOOK_S = 0.2


@dataclass(frozen=True)
class _QueryTime:
    p50_ms: float
    device: str
    busy: bool


def query_ms(  # noqa: PLR0913 - each is of another kind
    folder: Path,
    queries: Sequence[str],
    prompt: str,
    loaded: Callable[[], LoadedModel],
    *,
    again: bool,
    clock: Callable[[], float],
) -> float:
    """Milliseconds to encode one query: the least median that was seen on this device.

    One that was measured while others used the machine is measured again as soon as it is quiet.

    Args:
        folder: of the record; one that can only be read is enough.
        queries: one or more, of which up to 32 are encoded one by one.
        prompt: in front of each.
        loaded: gives the model, if need be loads it.
        again: whether to measure where there is a record too, for the model is in memory.
        clock: seconds.
    """
    known = _recorded(folder)
    if known is not None and not again and not (known.busy and _quiet()):
        return known.p50_ms
    measured = _measured(loaded(), queries, prompt, clock)
    if known is not None and known.device == measured.device and known.p50_ms < measured.p50_ms:
        measured = replace(known, busy=known.busy and measured.busy)
    with suppress(OSError):
        write_file(folder / _FILE, json.dumps(asdict(measured)))
    return measured.p50_ms


def _recorded(folder: Path) -> _QueryTime | None:
    """A damaged record is none; one that does not say whether the machine was busy is of a busy one."""
    try:
        record = read_json_object(folder / _FILE, "the time of a query")
        known = _QueryTime(float(record["p50_ms"]), str(record["device"]), record.get("busy") is not False)
    except (InputError, ValueError, TypeError, KeyError):
        return None
    return known if math.isfinite(known.p50_ms) else None


def _measured(loaded: LoadedModel, queries: Sequence[str], prompt: str, clock: Callable[[], float]) -> _QueryTime:
    sample = queries[:: max(1, len(queries) // _TIMED_QUERIES)][:_TIMED_QUERIES]
    for query in sample[:_UNTIMED_QUERIES]:
        loaded.encode([query], prompt)
    seconds = []
    before = _cpu_seconds()
    for query in sample:
        start = clock()
        loaded.encode([query], prompt)
        seconds.append(clock() - start)
    return _QueryTime(1000 * statistics.median(seconds), loaded.device, _busy_since(before))


def _quiet() -> bool:
    before = _cpu_seconds()
    time.sleep(_LOOK_S)
    return not _busy_since(before)


def _busy_since(before: tuple[float, float]) -> bool:
    whole, others = (now - then for now, then in zip(_cpu_seconds(), before, strict=True))
    return others > _BUSY_SHARE * whole


def _cpu_seconds() -> tuple[float, float]:
    """Seconds of all cores of this machine so far, and those that other processes used."""
    import psutil  # noqa: PLC0415 - only where queries are encoded

    times, own = psutil.cpu_times(), psutil.Process().cpu_times()
    whole = sum(times)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return whole, whole - idle - own.user - own.system
