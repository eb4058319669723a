"""What the live tiles of stops and effectiveness show: `xxx_tile(line, now)`, ready to print.

`line` comes with its site loaded. A tile reads rows that are kept up to date elsewhere.
"""

from oee.choices import ReasonChoice
from oee.tiles.effectiveness import FactorBar, OeeTile, factor_bars, oee_tile
from oee.tiles.job import JobTile, job_tile
from oee.tiles.lost_time import LostTimeTile, lost_time_tile
from oee.tiles.pace import PaceTile, RateTile, pace_tile, rate_tile, recent_minutes
from oee.tiles.state import StateTile, last_minutes, may_be_asked_after, state_tile
from oee.tiles.stops import LikelyTile, StopRow, StopsTile, likely_tile, stop_list, stop_row, stops_tile
from oee.tiles.strip import StripBlock, StripTile, strip, strip_tile
from oee.tiles.words import spell

__all__ = [
    "FactorBar",
    "JobTile",
    "LikelyTile",
    "LostTimeTile",
    "OeeTile",
    "PaceTile",
    "RateTile",
    "ReasonChoice",
    "StateTile",
    "StopRow",
    "StopsTile",
    "StripBlock",
    "StripTile",
    "factor_bars",
    "job_tile",
    "last_minutes",
    "likely_tile",
    "lost_time_tile",
    "may_be_asked_after",
    "oee_tile",
    "pace_tile",
    "rate_tile",
    "recent_minutes",
    "spell",
    "state_tile",
    "stop_list",
    "stop_row",
    "stops_tile",
    "strip",
    "strip_tile",
]
