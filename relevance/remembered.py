"""What was worked out, so that it is not worked out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Remembered(dict[_Key, _Value]):
    """A table of so many entries at most: before one more comes, all go.

    Args:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: _Key, value: _Value) -> None:
        if len(self) >= self._most and key not in self:
            self.clear()
        super().__setitem__(key, value)

    def update(self, values: Mapping[_Key, _Value]) -> None:  # type: ignore[override] # of a mapping alone
        """Put entries there one by one; that of `dict` would pass the limit."""
        for key, value in values.items():
            self[key] = value
