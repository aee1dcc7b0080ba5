"""How often a phrase stands in documents: exactly, or sloppily as Lucene's `SloppyPhraseMatcher` counts.

A place is an int64: the document in the upper bits, the position in the lower `POSITION_BITS`. Places are sorted;
where several terms share a position of the phrase, those of all of them are merged: one that two hold stands twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Places = npt.NDArray[np.int64]
    Frequencies = npt.NDArray[np.float32]

POSITION_BITS = 20
_NOWHERE = np.iinfo(np.int64).max


class Slot(NamedTuple):
    """A position of a phrase.

    Attributes:
        offset: its position less that of the first slot; slots are in ascending order of it.
        terms: those that may stand here.
        places: of all of them.
    """

    offset: int
    terms: tuple[str, ...]
    places: Places


def exact(slots: Sequence[Slot]) -> tuple[npt.NDArray[np.int64], Frequencies]:
    """Count the starts of a phrase: documents, and how often it stands in each.

    A start counts as often as the first slot holds its place.
    """
    moved = [slot.places - slot.offset for slot in slots]
    first, (rarest, *others) = moved[0], sorted(moved, key=len)
    starts = _distinct(rarest)
    for places in others:
        starts = starts[_held(places, starts)]
    times = np.searchsorted(first, starts, "right") - np.searchsorted(first, starts, "left")
    docs = (starts >> POSITION_BITS)[times > 0]
    heads = np.flatnonzero(np.diff(docs, prepend=-1))
    counts = np.add.reduceat(times[times > 0], heads) if len(docs) else times[:0]
    return docs[heads], counts.astype(np.float32)


def sloppy(slots: Sequence[Slot], slop: int) -> tuple[npt.NDArray[np.int64], Frequencies]:
    """Weigh the matches of a phrase whose terms may be moved by `slop` positions in all: documents and frequencies."""
    rarest, *others = sorted((slot.places >> POSITION_BITS for slot in slots), key=len)
    docs = _distinct(rarest)
    for held in others:
        docs = docs[_held(held, docs)]
    groups = _repeated(slots)
    weights = _walk_with_repeats(slots, slop, docs, groups) if groups else _walk(slots, slop, docs)
    return docs[weights > 0], weights[weights > 0]


def _distinct(ascending: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    first = np.ones(len(ascending), dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def _held(ascending: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether an array holds each of some values."""
    if not len(ascending):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    held: npt.NDArray[np.bool_] = ascending[at] == values
    return held


def _walk(slots: Sequence[Slot], slop: int, docs: npt.NDArray[np.int64]) -> Frequencies:
    """Lucene's walk over the positions of a phrase, in all documents at once: shape (documents,).

    The slot that stands furthest back (the lead) goes on until it passes the one before it; the narrowest window that
    it has seen on its way is a match.
    """
    weights = np.zeros(len(docs), dtype=np.float32)
    if not len(docs):
        return weights
    flat = np.concatenate([slot.places - slot.offset for slot in slots])
    ends = np.cumsum([len(slot.places) for slot in slots])
    lower, upper = ([], [])
    for slot, end in zip(slots, ends, strict=True):
        lows, highs = _bounds(slot.places, docs)
        lower.append(lows + end - len(slot.places))
        upper.append(highs + end - len(slot.places))
    at, until, ids = np.array(lower), np.array(upper), np.arange(len(docs))
    position = flat[at]
    several = (until - at > 1).any(axis=0)
    _weigh(weights, ids[~several], np.ptp(position[:, ~several], axis=0), slop)
    if not several.any():
        return weights
    at, until, position, ids = at[:, several], until[:, several], position[:, several], ids[several]
    furthest = position.max(axis=0)
    lead, following = _front(position)
    width = furthest - position[lead, np.arange(len(ids))]
    while len(ids):
        columns = np.arange(len(ids))
        at[lead, columns] += 1
        going = at[lead, columns] < until[lead, columns]
        _weigh(weights, ids[~going], width[~going], slop)
        at, until, position = at[:, going], until[:, going], position[:, going]
        ids, furthest, lead, following, width = (each[going] for each in (ids, furthest, lead, following, width))
        columns = np.arange(len(ids))
        stepped = position[lead, columns] = flat[at[lead, columns]]
        furthest = np.maximum(furthest, stepped)
        passed = np.flatnonzero(stepped > following)
        _weigh(weights, ids[passed], width[passed], slop)
        lead[passed], following[passed] = _front(position[:, passed])
        narrow = np.minimum(width, furthest - stepped)
        narrow[passed] = (furthest - position[lead, columns])[passed]
        width = narrow
    return weights


def _bounds(
    places: npt.NDArray[np.int64], docs: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the places of each document begin and end."""
    return np.searchsorted(places, docs << POSITION_BITS), np.searchsorted(places, (docs + 1) << POSITION_BITS)


def _front(position: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The slot that stands furthest back in each document, and where the next one stands."""
    lead = position.argmin(axis=0)
    rest = position.copy()
    rest[lead, np.arange(position.shape[1])] = _NOWHERE
    return lead, rest.min(axis=0)


def _weigh(weights: Frequencies, ids: npt.NDArray[np.int64], width: npt.NDArray[np.int64], slop: int) -> None:
    near = width <= slop
    weights[ids[near]] += np.float32(1) / (np.float32(1) + width[near].astype(np.float32))


# Phrases in which a term stands twice: the same walk, document by document, in which two slots never share a place


@dataclass(eq=False)
class _Cursor:
    """A slot on its way through a document."""

    offset: int
    order: int
    group: int = -1
    rank: int = 0
    places: Sequence[int] = ()
    at: int = 0
    position: int = 0

    def __lt__(self, other: _Cursor) -> bool:
        return (self.position, self.offset, self.order) < (other.position, other.offset, other.order)

    def step(self) -> bool:
        if self.at >= len(self.places):
            return False
        self.position = self.places[self.at] - self.offset
        self.at += 1
        return True

    def place(self) -> int:
        return self.position + self.offset


class _Queue:
    """Lucene's heap, step by step: cursors move while they are inside, so that its shape decides what comes out."""

    def __init__(self) -> None:
        self._heap: list[_Cursor] = []

    def __len__(self) -> int:
        return len(self._heap)

    def top(self) -> _Cursor:
        return self._heap[0]

    def add(self, cursor: _Cursor) -> None:
        self._heap.append(cursor)
        at = len(self._heap)
        while at > 1 and cursor < self._heap[at // 2 - 1]:
            self._heap[at - 1] = self._heap[at // 2 - 1]
            at //= 2
        self._heap[at - 1] = cursor

    def pop(self) -> _Cursor:
        result, last = self._heap[0], self._heap.pop()
        if not self._heap:
            return result
        at, size = 1, len(self._heap)
        while (child := self._lower_child(at, size)) and self._heap[child - 1] < last:
            self._heap[at - 1] = self._heap[child - 1]
            at = child
        self._heap[at - 1] = last
        return result

    def _lower_child(self, at: int, size: int) -> int:
        """The number of the lower child of a node, counted from 1; 0 where it has none."""
        left, right = 2 * at, 2 * at + 1
        if right <= size and self._heap[right - 1] < self._heap[left - 1]:
            return right
        return left if left <= size else 0


def _repeated(slots: Sequence[Slot]) -> list[list[int]]:
    """The slots that share terms with others, in groups."""
    groups: list[tuple[set[str], list[int]]] = []
    for number, slot in enumerate(slots):
        joined = [group for group in groups if group[0] & set(slot.terms)]
        terms = set(slot.terms).union(*(group[0] for group in joined))
        members = [member for group in joined for member in group[1]]
        groups = [group for group in groups if group not in joined]
        groups.append((terms, sorted([*members, number])))
    return [members for _, members in groups if len(members) > 1]


def _grouped_in(doc: int, slots: Sequence[Slot], members: list[int]) -> list[list[int]]:
    """The members whose first places in a document are the same: as Lucene groups slots of one term each.

    Two repeated terms that stand at one place in the first document are so one group ever after.
    """
    groups: dict[int, list[int]] = {}
    for member in members:
        places = slots[member].places
        groups.setdefault(int(places[np.searchsorted(places, doc << POSITION_BITS)]), []).append(member)
    return [group for group in groups.values() if len(group) > 1]


def _walk_with_repeats(
    slots: Sequence[Slot], slop: int, docs: npt.NDArray[np.int64], groups: list[list[int]]
) -> Frequencies:
    several = any(len(slots[member].terms) > 1 for group in groups for member in group)
    if len(docs) and not several:
        groups = _grouped_in(int(docs[0]), slots, sorted(member for group in groups for member in group))
    cursors = [_Cursor(slot.offset, order) for order, slot in enumerate(slots)]
    for number, group in enumerate(groups):
        for rank, member in enumerate(group):
            cursors[member].group, cursors[member].rank = number, rank
    matcher = _Matcher(cursors, [[cursors[member] for member in group] for group in groups], several=several)
    weights = np.zeros(len(docs), dtype=np.float32)
    mask = (1 << POSITION_BITS) - 1
    starts, ends = np.array([_bounds(slot.places, docs) for slot in slots]).swapaxes(0, 1)
    ranks = np.array([[cursor.rank] for cursor in cursors])
    enough = np.ones(len(docs), dtype=np.bool_) if several else (ends - starts > ranks).all(axis=0)
    for row in np.flatnonzero(enough).tolist():
        for number, (cursor, slot) in enumerate(zip(cursors, slots, strict=True)):
            cursor.places = (slot.places[starts[number, row] : ends[number, row]] & mask).tolist()
            cursor.at = 0
        for width in matcher.widths(slop):
            weights[row] += np.float32(1) / np.float32(1 + width)
    return weights


class _Matcher:
    def __init__(self, cursors: list[_Cursor], groups: list[list[_Cursor]], *, several: bool) -> None:
        self._cursors = cursors
        self._groups = groups
        self._several = several  # a slot of a group has several terms
        self._queue = _Queue()
        self._furthest = 0

    def widths(self, slop: int) -> list[int]:
        """The widths of the matches in the document whose places the cursors hold."""
        self._furthest = -_NOWHERE
        for cursor in self._cursors:
            cursor.step()
        if not all(self._spread(group) for group in self._groups):
            return []
        self._queue = queue = _Queue()
        for cursor in self._cursors:
            self._furthest = max(self._furthest, cursor.position)
            queue.add(cursor)
        matches = []
        lead = queue.pop()
        width, following = self._furthest - lead.position, queue.top().position
        while self._advance(lead) and self._settle(lead):
            if lead.position <= following:
                width = min(width, self._furthest - lead.position)
                continue
            queue.add(lead)
            if width <= slop:
                matches.append(width)
            lead = queue.pop()
            width, following = self._furthest - lead.position, queue.top().position
        return [*matches, width] if width <= slop else matches

    def _advance(self, cursor: _Cursor) -> bool:
        if not cursor.step():
            return False
        self._furthest = max(self._furthest, cursor.position)
        return True

    def _spread(self, group: list[_Cursor]) -> bool:
        """Move the cursors of a group to places of their own; False where there are not enough."""
        if not self._several:
            return all(cursor.step() for rank, cursor in enumerate(group) for _ in range(rank))
        at = 0
        while at < len(group):
            step, cursor = 1, group[at]
            while other := self._collision(cursor):
                lesser = min(cursor, other, key=lambda each: (each.position, each.offset))
                if not self._advance(lesser):
                    return False
                if lesser.rank < at:
                    step = 0
                    break
            at += step
        return True

    def _collision(self, cursor: _Cursor) -> _Cursor | None:
        group = self._groups[cursor.group]
        return next((each for each in group if each is not cursor and each.place() == cursor.place()), None)

    def _settle(self, lead: _Cursor) -> bool:
        """Resolve the collision that a step of the lead has caused, and put those that moved in order again."""
        if lead.group < 0:
            return True
        cursor, moved = lead, set()
        while other := self._collision(cursor):
            rank = other.rank
            cursor = cursor if (cursor.position, cursor.offset) < (other.position, other.offset) else other
            if not self._advance(cursor):
                return False
            if rank != lead.rank:
                moved.add(rank)
        taken = []
        while moved:
            taken.append(self._queue.pop())
            if taken[-1].group >= 0:
                moved.discard(taken[-1].rank)
        for each in reversed(taken):
            self._queue.add(each)
        return True
