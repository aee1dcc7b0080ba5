"""Which products a catalogue had, in few bits each: a set of ids that knows only whether an id was added."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

_BITS, _PROBES = 14.4, 10
"""Of one id: one in a thousand that were never added seems to have been."""


class ProductsSeen:
    """A Bloom filter (B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13, 1970).

    The places of an id follow each other at equal steps (A. Kirsch and M. Mitzenmacher, "Less hashing, same
    performance", ESA 2006).

    Args:
        bits: those that are set, eight a byte; one byte or more.
    """

    def __init__(self, bits: bytes) -> None:
        self._bits = np.frombuffer(bits, dtype=np.uint8)

    @classmethod
    def of(cls, ids: Iterable[str]) -> ProductsSeen:
        """Add all ids; the same ids in any order give the same filter."""
        ids = list(ids)
        size = bytes_of(len(ids))
        flags = np.zeros(size * 8, dtype=bool)
        flags[_places(ids, size * 8).ravel()] = True
        return cls(np.packbits(flags).tobytes())

    @classmethod
    def decoded(cls, text: str) -> ProductsSeen:
        """Read what `encoded` gives.

        Raises:
            ValueError: it is something else.
        """
        bits = base64.b64decode(text, validate=True)
        if not bits:
            raise ValueError("no bits")
        return cls(bits)

    def encoded(self) -> str:
        """The bits in base64."""
        return base64.b64encode(self._bits.tobytes()).decode("ascii")

    def __len__(self) -> int:
        """How many bytes it has."""
        return len(self._bits)

    def __contains__(self, product: object) -> bool:
        return isinstance(product, str) and product in self.among([product])

    def among(self, ids: Iterable[str]) -> set[str]:
        """Those of some ids that were added; one in a thousand of the others is among them."""
        ids = list(ids)
        places = _places(ids, len(self._bits) * 8)
        known = (self._bits[places >> 3] >> (7 - (places & 7)) & 1).all(axis=1)
        return {one for one, there in zip(ids, known.tolist(), strict=True) if there}


def bytes_of(products: int) -> int:
    """How many bytes the filter of so many products has."""
    return max(1, int(-(-products * _BITS // 8)))


def _places(ids: list[str], bits: int) -> npt.NDArray[np.int64]:
    """Shape (ids, probes)."""
    digests = (hashlib.blake2b(one.encode("utf-8", "surrogatepass"), digest_size=16).digest() for one in ids)
    halves = np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64).reshape(len(ids), 2)
    steps = np.arange(_PROBES, dtype=np.uint64)
    hashed = halves[:, :1] + steps * (halves[:, 1:] | np.uint64(1))  # modulo 2**64
    return (hashed % np.uint64(bits)).astype(np.int64)
