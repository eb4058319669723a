"""How much of a shift's standstill has its reason. Above four per cent without one nobody trusts the figures."""

from dataclasses import dataclass

TARGET_STOPS = 0.96
TARGET_MINUTES = 0.98


@dataclass(frozen=True, slots=True)
class Coded:
    """Shares of stops and of their time, None without stops."""

    stops: float | None
    minutes: float | None
    target_stops: float = TARGET_STOPS
    target_minutes: float = TARGET_MINUTES


NOTHING_STOOD = Coded(None, None)


def told_share(missing: int, whole: int) -> float | None:
    return 1 - missing / whole if whole else None
