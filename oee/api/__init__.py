"""OEE, stops, counts and their standards over the API. The same figures as the screen and the paper print."""

from oee.api.reasons import ReasonRow
from oee.api.rows import PARTS, SECONDS, RatioRow, ratio_row

__all__ = ["PARTS", "SECONDS", "RatioRow", "ReasonRow", "ratio_row"]
