"""Judging: rows to judge, a page on this machine that asks people for grades, and programs that grade instead."""

from relevance.judging.automatic import HELD_OUT, ask_command, ask_function, fill, held_out
from relevance.judging.queue import Queue, Row, fitting, grade_keys, read_pairs, rows_of
from relevance.judging.server import serving

__all__ = [
    "HELD_OUT",
    "Queue",
    "Row",
    "ask_command",
    "ask_function",
    "fill",
    "fitting",
    "grade_keys",
    "held_out",
    "read_pairs",
    "rows_of",
    "serving",
]
