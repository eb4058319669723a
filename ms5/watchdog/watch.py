"""What was said when: at once, again after ten minutes, and once more when it is over."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from ms5.watchdog.alarms import Alarm

log = structlog.get_logger(__name__)

REMIND_S = 600.0
WELL_S = 60.0  # what comes back sooner was never over; or a mail leaves with every blink


@dataclass(frozen=True, slots=True)
class News:
    """One message to those who look after the product."""

    wrong: tuple[Alarm, ...]
    over: tuple[Alarm, ...]

    @property
    def subject(self) -> str:
        first, *more = [alarm.text for alarm in self.wrong] or [f"Over: {alarm.text}" for alarm in self.over]
        return f"{first[:90]}{f' (+{len(more)})' if more else ''}"

    @property
    def text(self) -> str:
        wrong = [alarm.text for alarm in self.wrong]
        over = [f"Over: {alarm.text}" for alarm in self.over]
        return "\n".join([*wrong, *over])


@dataclass(slots=True)
class _Told:
    alarm: Alarm
    said_at: float
    well_since: float | None = None


@dataclass(slots=True)
class Watch:
    """`clock` is monotonic seconds; `send` receives what has to be said in one message."""

    clock: Callable[[], float]
    send: Callable[[News], None]
    _told: dict[str, _Told] = field(default_factory=dict)

    def report(self, found: Iterable[Alarm], *, speak: bool = True, blind: bool = False) -> None:
        """Say what is new, still wrong or well again. With `speak` False another watchdog does.

        `blind`: nobody could look, so what is not in `found` need not be over.
        """
        wrong = {alarm.key: alarm for alarm in found}
        if not speak:
            self._told.clear()
            return
        now = self.clock()
        new = tuple(alarm for alarm in wrong.values() if self._is_due(alarm, now))
        for alarm in new:
            log.error("alarm", alarm=alarm.key, text=alarm.text)
            self._told[alarm.key] = _Told(alarm, now)
        stays = {*self._told} if blind else {*wrong}
        over = tuple(told.alarm for key, told in list(self._told.items()) if self._is_over(told, key in stays, now))
        for alarm in over:
            log.warning("alarm over", alarm=alarm.key)
            del self._told[alarm.key]
        if new or over:
            self.send(News(new, over))

    def _is_due(self, alarm: Alarm, now: float) -> bool:
        told = self._told.get(alarm.key)
        return told is None or now - told.said_at >= REMIND_S

    @staticmethod
    def _is_over(told: _Told, is_wrong: bool, now: float) -> bool:
        if is_wrong:
            told.well_since = None
            return False
        if told.well_since is None:
            told.well_since = now
        return now - told.well_since >= WELL_S
