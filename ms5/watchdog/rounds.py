"""One look at the database after the other, and what is made of it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db import connection

from andon.clock import database_now
from floor import loops
from floor.actions.heartbeat import beat, forget
from ms5.watchdog.alarms import Alarm, Derivations, alarms, database_away
from ms5.watchdog.heartbeats import KNOWN_FOR, speaks
from ms5.watchdog.post import Post
from ms5.watchdog.watch import Watch

PATIENCE_S = 4.0
# After so long without a look, everything may be old because we were.
GAP = timedelta(seconds=15)
# Without the database two watchdogs cannot agree who speaks; better twice than not at all.
AGREED_FOR_S = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    alarms: list[Alarm]
    speaks: bool


@dataclass(slots=True)
class Looking:
    """Looks at the database in a thread of its own: one that takes questions and never answers must not stop us."""

    post: Post
    patience_s: float = PATIENCE_S
    _derivations: Derivations = field(default_factory=Derivations)
    _since: datetime | None = None
    _last: datetime | None = None
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="look"))
    _look: Future[Seen] | None = None

    def look(self) -> Seen | str:
        """What was seen, or why nothing was."""
        if self._look is None:
            self._look = self._thread.submit(self._ask)
        try:
            seen = self._look.result(self.patience_s)
        except TimeoutError:
            return "it takes questions and does not answer them"
        except DatabaseError as error:
            self._look, self._since = None, None
            return str(error).strip().rstrip(".") or type(error).__name__
        except Exception:
            self._look = None
            raise
        self._look = None
        return seen

    def _ask(self) -> Seen:
        try:
            now = database_now()
            if self._since is None or (self._last and now - self._last > GAP):
                self._since = now
            beat("watchdog", loops.INSTANCE, now)
            self.post.learn()
            found = [*alarms(now, self._since), *self._derivations.alarms(now)]
            forget(now - KNOWN_FOR)
            self._last = now
            return Seen(found, speaks(loops.INSTANCE, now))
        except DatabaseError:
            connection.close()
            raise


@dataclass(slots=True)
class Round:
    """A database that does not answer is an alarm like any other, so it must not end the round."""

    looking: Looking
    watch: Watch
    clock: Callable[[], float]
    _speaks: bool = True
    _away_since: float | None = None

    def __call__(self) -> None:
        seen = self.looking.look()
        if isinstance(seen, Seen):
            self._speaks, self._away_since = seen.speaks, None
            self.watch.report(seen.alarms, speak=seen.speaks)
            return
        self._away_since = self._away_since or self.clock()
        is_long = self.clock() - self._away_since >= AGREED_FOR_S
        self.watch.report([database_away(seen)], speak=self._speaks or is_long, blind=True)
