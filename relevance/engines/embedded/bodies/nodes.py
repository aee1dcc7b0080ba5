"""Queries as trees, rewritten as Lucene rewrites them: what is one node decides where a sum is rounded.

Every node hands its parent a float32. A bool adds its clauses in float64 and rounds at its end, so that equal clauses,
flattened bools and boosts show in the last bit; the rules are those of Lucene's `BooleanQuery.rewrite`, in its order.
Two nodes are equal where Lucene takes their queries for equal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from relevance.engines.embedded.bodies.hits import (
    NONE,
    ONE,
    Flags,
    Hits,
    Ints,
    added,
    best,
    common,
    constant,
    marked,
    spread,
    sums,
    union,
)
from relevance.engines.embedded.bodies.words import has_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.engines.embedded.bodies.levels import Level

Explanation: TypeAlias = dict[str, Any]
"""As Elasticsearch writes it: `value`, `description` and `details`, a list of further ones."""


_DROPS_EMPTY = 9
"""The release from which on a dis_max forgets queries that match nothing; one that is left alone is no dis_max."""

_JOINS_REQUIRED = 9
"""The release from which on MUST clauses that are bools of such clauses flow into the bool around them."""


class Node:
    """A query; what was found out about it is kept beside it, for nodes that many searches share.

    Attributes:
        is_leaf: whether no step of rewriting changes it, and none looks inside.
        is_settled: whether a step was found to change nothing.
        combines: whether it combines what others find, document by document.
        flows: whether its summands, as many as a word has, flow into a sum around it.
    """

    combines = False
    flows = False
    is_leaf = False
    is_settled = False
    _after: Node | None = None
    _as_filter: Node | None = None
    _flags: Flags | None = None

    def __init_subclass__(cls) -> None:
        cls.is_leaf = cls.is_settled = cls.rewritten is Node.rewritten

    def step(self, level: Level) -> Node:
        """Take one step of rewriting, once for all."""
        if self.is_settled:
            return self
        if self._after is not None:
            return self._after
        after = self.rewritten(level)
        self.__dict__.update({"is_settled": True} if after is self else {"_after": after})
        return after

    def rewritten(self, level: Level) -> Node:
        """Take one step of rewriting; the node itself where nothing changes."""
        del level
        return self

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        """Find and score documents of a level.

        Args:
            level: the documents.
            boost: the product of the boosts above.
            among: ascending; hits that are not among them may be left out.
        """
        raise NotImplementedError

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        """Find documents without their scores."""
        return self.hits(level, ONE, among).docs

    def summands(self, level: Level, boost: np.float32, among: Ints | None = None) -> Sequence[Hits]:
        """The hits as they are where this is one of several SHOULD clauses: those of a sum flow into that around it."""
        return [self.hits(level, boost, among)]

    def is_several(self, level: Level) -> bool:
        """Whether it stands for several SHOULD clauses, which are not written out."""
        del level
        return False

    def flags(self, level: Level) -> Flags:
        """Say of each document whether it matches, once for all."""
        flags = self._flags
        if level.catalogue.words is not None and self.varies:
            return marked(self.docs(level), level.size)
        if flags is None:
            flags = self.__dict__["_flags"] = marked(self.docs(level), level.size)
        return flags

    def matches(self, level: Level, docs: Ints) -> Flags:
        """Say of some documents, ascending, whether they match."""
        return self.flags(level)[docs]

    def values(self) -> list[Any]:
        """What it is made of."""
        return [getattr(self, one.name) for one in fields(self)]  # type: ignore[arg-type]

    @cached_property
    def varies(self) -> bool:
        """Whether its words are those of the query that is asked."""
        return any(map(_varies, self.values()))

    def as_filter(self, level: Level) -> Node:
        """Take one step of rewriting where the score does not count, once for all."""
        if self.is_leaf:
            return self
        if self._as_filter is not None:
            return self._as_filter
        held = Constant(self)
        after = held.rewritten(level)
        after = after.node if isinstance(after, Constant) else after
        if after is not self:
            self.__dict__["_as_filter"] = after
        return after

    def is_live(self, level: Level) -> bool:
        """Whether Lucene would look for documents at all: not where a word that has to be there is in none."""
        return bool(len(self.docs(level)))

    def weighs_otherwise(self, other: Node, level: Level) -> bool:
        """Whether an equal node would score otherwise."""
        del other, level
        return False

    def parts(self) -> Sequence[Node]:
        """The nodes whose scores make this one's."""
        return ()

    def explain(self, level: Level, doc: int, boost: np.float32) -> Explanation | None:
        """Say what made the score of a document; None where it does not match."""
        score = self.hits(level, boost).at(doc)
        if score is None:
            return None
        details = [one for part in self.parts() if (one := part.explain(level, doc, boost))]
        return {"value": float(score), "description": self.description(), "details": details}

    def description(self) -> str:
        """How the parts make the score, in words."""
        return str(self)


def _varies(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return any(map(_varies, value))
    return value.varies if isinstance(value, Node) else has_words(value)


def rewrite(node: Node, level: Level) -> Node:
    """Rewrite a query until nothing changes."""
    while (after := node.step(level)) is not node:
        node = after
    return node


@dataclass(frozen=True)
class MatchNone(Node):
    """Matches nothing."""

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        del level, boost, among
        return NONE

    def __str__(self) -> str:
        return "MatchNoDocsQuery"


@dataclass(frozen=True)
class MatchAll(Node):
    """Matches everything, with the boost as its score."""

    combines = True

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        return constant(self.docs(level, among), boost)

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        return level.every if among is None else among

    def matches(self, level: Level, docs: Ints) -> Flags:
        del level
        return np.ones(len(docs), dtype=np.bool_)

    def __str__(self) -> str:
        return "*:*"


@dataclass(frozen=True)
class Constant(Node):
    """Scores whatever a query matches with the boost."""

    combines = True
    node: Node

    def rewritten(self, level: Level) -> Node:
        inner = self.node.step(level)
        if isinstance(inner, Boost | Constant):
            inner = inner.node
        elif isinstance(inner, Bool):
            inner = inner.without_scores()
        if isinstance(inner, MatchNone):
            return inner
        return self if inner is self.node else Constant(inner)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        return constant(self.node.docs(level, among), boost)

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        return self.node.docs(level, among)

    def is_live(self, level: Level) -> bool:
        return self.node.is_live(level)

    def __str__(self) -> str:
        return f"ConstantScore({self.node})"


@dataclass(frozen=True)
class Boost(Node):
    """Hands a boost down to the leaves."""

    combines = True
    node: Node
    boost: np.float32

    def rewritten(self, level: Level) -> Node:
        inner = self.node.step(level)
        if self.boost == 1 or isinstance(inner, MatchNone):
            return inner
        if isinstance(inner, Boost):
            return Boost(inner.node, self.boost * inner.boost)
        if self.boost == 0 and not isinstance(inner, Constant):
            return Boost(Constant(inner), self.boost)
        return self if inner is self.node else Boost(inner, self.boost)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        return self.node.hits(level, self.boost * boost, among)

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        return self.node.docs(level, among)

    def explain(self, level: Level, doc: int, boost: np.float32) -> Explanation | None:
        return self.node.explain(level, doc, self.boost * boost)

    def is_live(self, level: Level) -> bool:
        return self.node.is_live(level)

    def __str__(self) -> str:
        return f"({self.node})^{self.boost}"


def boosted(node: Node, boost: float) -> Node:
    """Put a boost above a query, where it is one."""
    return node if boost == 1 or isinstance(node, MatchNone) else Boost(node, np.float32(boost))


@dataclass(frozen=True)
class DisMax(Node):
    """The best of some queries, and a share of the others."""

    combines = True
    nodes: tuple[Node, ...]
    tie: float = 0

    @cached_property
    def _identity(self) -> tuple[object, ...]:
        return (frozenset(Counter(self.nodes).items()), np.float32(self.tie))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DisMax) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def rewritten(self, level: Level) -> Node:
        if not self.nodes:
            return MatchNone()
        if len(self.nodes) == 1:
            return self.nodes[0]
        if self.tie == 1:
            return Bool(should=self.nodes)
        nodes = tuple([node.step(level) for node in self.nodes])
        if level.catalogue.release >= _DROPS_EMPTY:
            nodes = tuple(node for node in nodes if not isinstance(node, MatchNone))
        if len(nodes) == len(self.nodes) and _same(nodes, self.nodes):
            return self
        return DisMax(nodes, self.tie)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        return best([node.hits(level, boost, among) for node in self.nodes], self.tie)

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        return union([node.docs(level, among) for node in self.nodes])

    def is_live(self, level: Level) -> bool:
        return any(node.is_live(level) for node in self.nodes)

    def parts(self) -> Sequence[Node]:
        return self.nodes

    def description(self) -> str:
        return f"max plus {np.float32(self.tie)} times others of:" if self.tie else "max of:"

    def __str__(self) -> str:
        return f"({' | '.join(map(str, self.nodes))})~{np.float32(self.tie)}"


@dataclass(frozen=True, eq=False)
class Bool(Node):
    """Clauses that must, should or must not match; filters must match without a score."""

    must: tuple[Node, ...] = ()
    filter: tuple[Node, ...] = ()
    should: tuple[Node, ...] = ()
    must_not: tuple[Node, ...] = ()
    minimum: int = 0

    @cached_property
    def _identity(self) -> tuple[object, ...]:
        bags = (frozenset(Counter(clauses).items()) for clauses in (self.must, self.should))
        return (*bags, frozenset(self.filter), frozenset(self.must_not), self.minimum)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bool) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def combines(self) -> bool:  # type: ignore[override]
        """Not where it depends on the words that are in any document how clauses are added."""
        return not (self.must and self.minimum) and not any(node.flows for node in self.should)

    @property
    def is_disjunction(self) -> bool:
        """Whether it has SHOULD clauses alone and any of them will do."""
        return not (self.must or self.filter or self.must_not) and self.minimum <= 1

    def without_scores(self) -> Bool:
        """The same where scores are not wanted."""
        drops = bool(self.should) and not self.minimum and bool(self.must or self.filter)
        if not self.must and not drops:
            return self
        return Bool((), self.filter + self.must, () if drops else self.should, self.must_not, self.minimum)

    def rewritten(self, level: Level) -> Node:  # noqa: C901, PLR0911, PLR0912 - Lucene's steps, in its order
        """Take the first of Lucene's steps that changes something."""
        must, filters, should, must_not = self.must, self.filter, self.should, self.must_not
        if not (must or filters or should):
            return MatchNone()
        if len(must) + len(filters) + len(should) + len(must_not) == 1:
            if should and self.minimum <= 1:
                return should[0]
            if not self.minimum:
                return must[0] if must else Boost(Constant(filters[0]), np.float32(0))
        inner = self._rewritten_inside(level)
        if inner is not None:
            return inner
        distinct = (tuple(dict.fromkeys(filters)), tuple(dict.fromkeys(must_not)))
        if len(distinct[0]) < len(filters) or len(distinct[1]) < len(must_not):
            return Bool(must, distinct[0], should, distinct[1], self.minimum)
        if must_not and (set(must_not) & {*must, *filters} or MatchAll() in must_not):
            return MatchNone()
        if filters:
            left = tuple(node for node in filters if node not in must)
            if len(filters) > 1 or must:
                left = tuple(node for node in left if not isinstance(node, MatchAll))
            if len(left) < len(filters) and (left or must or should):
                return Bool(must, left, should, must_not, self.minimum)
            shared = set(filters) & set(should)
            if shared:
                raised = tuple(node for node in should if node in shared)
                return Bool(
                    must + raised,
                    tuple(node for node in filters if node not in shared),
                    tuple(node for node in should if node not in shared),
                    must_not,
                    max(0, self.minimum - len(raised)),
                )
        if self.minimum <= 1:
            merged = _merged(should, level)
            if merged is not None:
                return Bool(must, filters, merged, must_not, self.minimum)
        merged = _merged(must, level)
        if merged is not None:
            return Bool(merged, filters, should, must_not, self.minimum)
        if len(must) == 1 and filters:
            node, boost = (must[0].node, must[0].boost) if isinstance(must[0], Boost) else (must[0], ONE)
            if isinstance(node, MatchAll):
                scored = boosted(Constant(Bool(filter=filters, must_not=must_not)), float(boost))
                return Bool((scored,), (), should, (), self.minimum)
        return self._flattened(level)

    def _rewritten_inside(self, level: Level) -> Node | None:
        """Rewrite the clauses; None where none changes."""
        changed = False
        lists: list[tuple[Node, ...]] = []
        for clauses, required, scored in (
            (self.must, True, True),
            (self.filter, True, False),
            (self.should, False, True),
            (self.must_not, False, False),
        ):
            after: list[Node] = []
            for node in clauses:
                if (node.is_settled if scored else node.is_leaf) and not isinstance(node, MatchNone):
                    after.append(node)
                    continue
                one = node.step(level) if scored else node.as_filter(level)
                if isinstance(one, MatchNone):
                    if required:
                        return one
                    changed = True
                    continue
                changed |= one is not node
                after.append(one)
            lists.append(tuple(after))
        if not changed:
            return None
        must, filters, should, must_not = lists
        return Bool(must, filters, should, must_not, self.minimum)

    def _is_all(self, should: tuple[Node, ...], level: Level) -> bool:
        """Whether the minimum asks for all of some SHOULD clauses."""
        return len(should) == self.minimum and not (self.minimum == 1 and should[0].is_several(level))

    def _flattened(self, level: Level) -> Node:  # noqa: C901 - Lucene's steps, in its order
        must, filters, should, must_not = self.must, self.filter, self.should, self.must_not
        if self.minimum <= 1 and any(isinstance(node, Bool) and node.is_disjunction for node in should):
            flat: list[Node] = []
            for node in should:
                flat += node.should if isinstance(node, Bool) and node.is_disjunction else (node,)
            return Bool(must, filters, tuple(flat), must_not, self.minimum)
        if level.catalogue.release >= _JOINS_REQUIRED and any(_is_conjunction(node) for node in must + filters):
            lists: dict[str, list[Node]] = {"must": [], "filter": [], "must_not": list(must_not)}
            for name, clauses in (("must", must), ("filter", filters)):
                for node in clauses:
                    if not isinstance(node, Bool) or not _is_conjunction(node):
                        lists[name].append(node)
                        continue
                    lists[name] += node.must
                    lists["filter"] += node.filter
                    lists["must_not"] += node.must_not
            return Bool(tuple(lists["must"]), tuple(lists["filter"]), should, tuple(lists["must_not"]), self.minimum)
        if len(should) < self.minimum:
            return MatchNone()
        if should and self._is_all(should, level):
            return Bool(must + should, filters, (), must_not)
        if not should and len(must) == 1 and isinstance(must[0], Bool):
            inner = must[0]
            if inner.should and not (inner.must or inner.filter or inner.must_not):
                return Bool((), filters, inner.should, must_not, max(1, inner.minimum))
        return self

    def is_live(self, level: Level) -> bool:
        live = sum(node.is_live(level) for node in self.should)
        least = self.minimum if self.must or self.filter else max(1, self.minimum)
        return live >= least and all(node.is_live(level) for node in self.must + self.filter)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        if self.must and self.minimum:
            live = tuple(node for node in self.should if node.is_live(level))
            if self._is_all(live, level):  # they must match, and are added to what must match in one sum
                return Bool(self.must + live, self.filter, (), self.must_not).hits(level, boost, among)
        must, docs = self._required(level, boost, among)
        optional = self._optional(level, boost, among if docs is None else docs)
        if docs is None:
            found = optional
        else:
            if self.minimum:
                docs = common([docs, optional.docs])
            scores = spread(must[0], docs) if must else np.zeros(len(docs), dtype=np.float32)
            if len(must) > 1:
                scores = sum((spread(part, docs).astype(np.float64) for part in must[1:]), scores).astype(np.float32)
            found = Hits(docs, scores + spread(optional, docs) if self.should else scores)
        for node in self.must_not:
            left = ~node.matches(level, found.docs)
            found = Hits(found.docs[left], found.scores[left])
        return found

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        if (self.must or self.filter) and self.minimum:
            return super().docs(level, among)
        if self.must or self.filter:
            docs = among
            for node in self.must + self.filter:
                docs = node.docs(level, among) if docs is None else docs[node.matches(level, docs)]
        elif self.minimum > 1:
            docs = self._optional(level, ONE, among).docs
        else:
            docs = union([node.docs(level, among) for node in self.should])
        docs = level.every if docs is None else docs
        for node in self.must_not:
            docs = docs[~node.matches(level, docs)]
        return docs

    def _required(self, level: Level, boost: np.float32, among: Ints | None) -> tuple[list[Hits], Ints | None]:
        """The hits of what must match, and the documents that all of it and the filters hold; None: nothing must."""
        must: list[Hits] = []
        docs = among
        for node in self.must:
            must.append(node.hits(level, boost, docs))
            docs = must[-1].docs if docs is None else common([docs, must[-1].docs])
        for node in self.filter:
            docs = node.docs(level) if docs is None else docs[node.matches(level, docs)]
        return must, docs if self.must or self.filter else None

    def _optional(self, level: Level, boost: np.float32, among: Ints | None) -> Hits:
        if not self.should:
            return NONE
        least = self.minimum if self.must or self.filter else max(1, self.minimum)
        if least > 1:
            return sums([node.hits(level, boost, among) for node in self.should], least=least)
        return sums([hits for node in self.should for hits in node.summands(level, boost, among)])

    def parts(self) -> Sequence[Node]:
        return self.must + self.should

    def description(self) -> str:
        return "sum of:"

    def __str__(self) -> str:
        signs = (("+", self.must), ("#", self.filter), ("", self.should), ("-", self.must_not))
        text = " ".join(f"{sign}{_bracketed(node)}" for sign, nodes in signs for node in nodes)
        return f"({text})~{self.minimum}" if self.minimum else text


def _bracketed(node: Node) -> str:
    return f"({node})" if isinstance(node, Bool) else str(node)


def _same(one: Sequence[Node], other: Sequence[Node]) -> bool:
    return all(a is b for a, b in zip(one, other, strict=True))


def _is_conjunction(node: Node) -> bool:
    return isinstance(node, Bool) and not node.should and not node.minimum


_SHARED = (
    "two words of a query reach the same term by fuzziness: which document frequency counts is by chance on a server"
)


def bare(node: Node) -> Node:
    """The query below its boosts."""
    while isinstance(node, Boost):
        node = node.node
    return node


def _merged(clauses: Sequence[Node], level: Level) -> tuple[Node, ...] | None:
    """Add up the boosts of equal clauses; None where no two are equal."""
    if len(clauses) < 2 or len({bare(clause) for clause in clauses}) == len(clauses):  # noqa: PLR2004 - none beside it
        return None
    boosts: dict[Node, float] = {}
    first: dict[Node, Node] = {}
    for clause in clauses:
        node, boost = clause, 1.0
        while isinstance(node, Boost):
            boost *= float(node.boost)
            node = node.node
        boosts[node] = boosts.get(node, 0.0) + boost
        if (known := first.setdefault(node, node)) is not node and known.weighs_otherwise(node, level):
            level.catalogue.notes.add(_SHARED)
    return tuple(boosted(node, float(np.float32(boost))) for node, boost in boosts.items())


@dataclass(frozen=True)
class Boosting(Node):
    """Lowers the scores of what another query matches."""

    combines = True
    positive: Node
    negative: Node
    factor: float

    def rewritten(self, level: Level) -> Node:
        positive, negative = self.positive.step(level), self.negative.step(level)
        if positive is self.positive and negative is self.negative:
            return self
        return Boosting(positive, negative, self.factor)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        found = self.positive.hits(level, ONE, among)
        scores = found.scores.astype(np.float64)
        lowered = self.negative.matches(level, found.docs)
        scores[lowered] *= np.float64(np.float32(self.factor))
        return Hits(found.docs, (scores * np.float64(boost)).astype(np.float32))

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        return self.positive.docs(level, among)

    def is_live(self, level: Level) -> bool:
        return self.positive.is_live(level)

    def parts(self) -> Sequence[Node]:
        return (self.positive,)

    def description(self) -> str:
        return f"lowered to {self.factor} times where {self.negative} matches, of:"

    def __str__(self) -> str:
        return f"boosting({self.positive}, {self.negative}, {self.factor})"


@dataclass(frozen=True)
class Nested(Node):
    """Joins nested documents to the documents that hold them."""

    path: str
    node: Node
    mode: str = field(default="avg")
    _hits: ClassVar[tuple[np.float32, Hits] | None] = None

    def rewritten(self, level: Level) -> Node:
        inner = self.node.step(level.below(self.path))
        return self if inner is self.node else Nested(self.path, inner, self.mode)

    def hits(self, level: Level, boost: np.float32, among: Ints | None = None) -> Hits:
        if self.mode == "none":
            return constant(self.docs(level, among), np.float32(0))
        if level.catalogue.words is not None and self.varies:
            return self._joined(level, boost)
        known = self._hits
        if known is None or known[0] != boost:
            known = self.__dict__["_hits"] = (boost, self._joined(level, boost))
        return known[1]

    def _joined(self, level: Level, boost: np.float32) -> Hits:
        inner = level.below(self.path)
        found = self.node.hits(inner, boost)
        if not len(found.docs):
            return NONE
        holders = inner.parents(level.path)[found.docs]  # ascending, as what they hold is
        first = np.diff(holders, prepend=-1) > 0
        heads = np.flatnonzero(first)
        docs = holders[heads]
        if self.mode in ("min", "max"):
            return Hits(docs, (np.minimum if self.mode == "min" else np.maximum).reduceat(found.scores, heads))
        totals = added(np.cumsum(first) - 1, found.scores)
        if self.mode == "avg":
            totals /= np.diff(heads, append=len(holders))
        return Hits(docs, totals.astype(np.float32))

    def docs(self, level: Level, among: Ints | None = None) -> Ints:
        del among
        inner = level.below(self.path)
        holders = inner.parents(level.path)[self.node.docs(inner)]
        return holders[np.diff(holders, prepend=-1) > 0]

    def is_live(self, level: Level) -> bool:
        return self.node.is_live(level.below(self.path))

    def explain(self, level: Level, doc: int, boost: np.float32) -> Explanation | None:
        score = self.hits(level, boost).at(doc)
        if score is None:
            return None
        inner = level.below(self.path)
        children = np.flatnonzero(inner.parents(level.path) == doc)
        details = [one for child in children if (one := self.node.explain(inner, int(child), boost))]
        description = f"{self.mode} of {len(details)} nested documents of {self.path}:"
        return {"value": float(score), "description": description, "details": details}

    def __str__(self) -> str:
        return f"ToParentBlockJoinQuery ({self.node})"
