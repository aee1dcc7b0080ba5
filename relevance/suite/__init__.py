"""Where the parts meet: a configuration becomes a plan, a plan an indexed suite, a suite measures strategies."""

from relevance.suite.finetuned import Finetuned, evaluated_part, finetuned_model, runnable
from relevance.suite.measured import Preparation, Result, Suite, Timing, prepare
from relevance.suite.plan import Plan, floors_of, make_plan, resolved_models, searched_fields

__all__ = [
    "Finetuned",
    "Plan",
    "Preparation",
    "Result",
    "Suite",
    "Timing",
    "evaluated_part",
    "finetuned_model",
    "floors_of",
    "make_plan",
    "prepare",
    "resolved_models",
    "runnable",
    "searched_fields",
]
