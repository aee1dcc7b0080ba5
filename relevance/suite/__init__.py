"""Where the parts meet: a configuration becomes a plan, a plan an indexed suite, a suite measures strategies."""

from relevance.suite.finetuned import Finetuned
from relevance.suite.measured import Preparation, Result, Suite, Timing, prepare
from relevance.suite.plan import Plan, floors_of, make_plan, resolved_models, searched_fields

__all__ = [
    "Finetuned",
    "Plan",
    "Preparation",
    "Result",
    "Suite",
    "Timing",
    "floors_of",
    "make_plan",
    "prepare",
    "resolved_models",
    "searched_fields",
]
