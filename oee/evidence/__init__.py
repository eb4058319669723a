"""What is behind a figure: the intervals and counts that add up to it, the policy and standards that judged it, and
who said or changed what. Nothing here writes.
"""

from oee.evidence.panel import Evidence, NoTarget, evidence
from oee.evidence.scope import MOST_DAYS, NoSuchScope, Scope, scope_of_days, scope_of_hours, scope_of_shift
from oee.evidence.terms import CODES, TITLES

__all__ = [
    "CODES",
    "MOST_DAYS",
    "TITLES",
    "Evidence",
    "NoSuchScope",
    "NoTarget",
    "Scope",
    "evidence",
    "scope_of_days",
    "scope_of_hours",
    "scope_of_shift",
]
