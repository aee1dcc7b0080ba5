from __future__ import annotations

import time

from relevance.finetune.memory import peak_memory


def test_the_peak_is_what_was_held_between_and_not_what_is_left() -> None:
    with peak_memory() as peak:
        before = peak()
        held = bytearray(b"x" * 200_000_000)
        time.sleep(0.2)
        del held
        assert 150_000_000 < peak() - before < 800_000_000
