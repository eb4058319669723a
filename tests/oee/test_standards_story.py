"""Weeks of work in minutes: facts arrive, people say things, standards change, the past is judged anew.

Whatever happens, the rows kept piece by piece are those of deriving everything from nothing.
"""

import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from floor.domain.machine import CounterEventKind, CounterKind
from floor.models import (
    CounterEvent,
    Equipment,
    FaultDefinition,
    FaultEvent,
    IdealCycle,
    MachineMinute,
    MachineState,
    Product,
    ProductNumber,
    StateEdge,
    User,
)
from oee.actions.check import differences
from oee.actions.counts import count_by_hand, decide_quarantine, enter_rejects, take_back_count
from oee.actions.planned_stops import end_forgotten, end_planned_stop, plan_stop, take_back_planned_stop
from oee.actions.reasons import load_reasons
from oee.actions.rebuild import rebuild_dirty
from oee.actions.refusals import (
    AlreadyDone,
    ImpossibleCount,
    ImpossibleTime,
    SomebodyWasFaster,
    StopGone,
    UnknownReason,
)
from oee.actions.standards import restate
from oee.actions.stops import add_stop, code_stop, merge_stops, separate_stops, split_stop, take_back_stop
from oee.models import CountEntry, LinePolicy, ManualStop, PlannedStop, ReasonClass, Stop, StopMerge, StopReason
from tests.chance import seeds
from tests.factories import make_machine, make_user
from tests.oee.stage import Stage, make_stage

pytestmark = pytest.mark.django_db

# The evening before the night in which the plant's clocks go back.
EVENING = datetime(2026, 10, 24, 18, tzinfo=UTC)
REFUSALS = (
    AlreadyDone, ImpossibleCount, ImpossibleTime, SomebodyWasFaster, StopGone, UnknownReason,
)  # fmt: skip
SECOND = timedelta(seconds=1)


class Story:
    """A line of two machines, and dice that say what happens next."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.stage: Stage = make_stage()
        self.line, self.now = self.stage.line, EVENING
        self.loader = make_machine(self.line, "LOADER", primary=False, position=20)
        self.machines = [self.stage.machine, self.loader]
        self.mara: User = make_user("mara", "admin")
        load_reasons()
        for number in (1, 2):
            product = Product.objects.create(code=f"P{number}", name=f"Product {number}")
            ProductNumber.objects.create(line=self.line, number=number, product=product)
        FaultDefinition.objects.create(equipment=self.stage.machine, bit=3, text="Jam", reason_code="MAT_JAM")

    def runs(self) -> None:
        """Some seconds or hours of facts, as the recorder writes them."""
        to_the_hour = 3600 - self.now.minute * 60 - self.now.second - self.dice.randint(1, 15)
        length = max(1, self.dice.choice([2, 20, 40, 200, 900, 3000, to_the_hour, 7000]))
        end = self.now + length * SECOND
        for machine in self.machines:
            self._edges(machine, end, length)
        self._parts(end)
        self._faults(end)
        self.now = end

    def _edges(self, machine: Equipment, end: datetime, length: int) -> None:
        last = StateEdge.objects.filter(equipment=machine).order_by("-at").first()
        edges, state = ([], last.state) if last else ([(self.now, "run")], "run")
        for moment in sorted(
            {self.now + self.dice.randint(1, length) * SECOND for _ in range(self.dice.randint(0, 4))}
        ):
            state = self.dice.choice([s for s in ("run", "stop", "unknown") if s != state])
            edges.append((moment, state))
        self.stage.edges(edges, end, machine)

    def _parts(self, end: datetime) -> None:
        for minutes in range(0, int((end - self.now).total_seconds() // 60) + 1, 7):
            minute = (end - timedelta(minutes=minutes)).replace(second=0)
            number = self.dice.choice([0, 1, 1, 2])
            if not MachineMinute.objects.filter(equipment=self.stage.machine, minute=minute).exists():
                self.stage.makes(minute, self.dice.randint(0, 60), self.dice.randint(0, 3), product_number=number)
        MachineState.objects.filter(equipment=self.stage.machine).update(made_at=end)

    def _faults(self, end: datetime) -> None:
        open_ones = FaultEvent.objects.filter(off_at=None)
        if open_ones.exists():
            open_ones.update(off_at=end)
        else:
            FaultEvent.objects.create(equipment=self.stage.machine, bit=3, on_at=end)
        self.stage.touched(self.now)

    def says(self) -> None:
        """Somebody says or decides something; what is refused changes nothing."""
        with suppress(*REFUSALS):
            self.dice.choice(self.notes)()

    @property
    def notes(self) -> list[Callable[[], object]]:
        return [
            self.codes, self.codes, self.splits, self.splits, self.merges, self.separates, self.adds, self.takes_back,
            self.plans, self.plans, self.ends_plan, self.unplans, self.counts, self.rejects, self.uncounts,
            self.believes, self.restates, self.restates, self.restates, self.judges, self.sets_cycle, self.sets_class,
        ]  # fmt: skip

    def codes(self) -> object:
        return code_stop(self._stop().id, self._reason(), **self._by())

    def splits(self) -> object:
        stop = self._stop()
        length = int(((stop.ended_at or self.now) - stop.started_at).total_seconds() * 1000)
        moment = stop.started_at + timedelta(milliseconds=self.dice.randint(1, max(1, length)))
        reasons: dict[str, Any] = {
            "before": self.dice.choice([None, self._reason()]),
            "after": self.dice.choice([None, self._reason()]),
        }
        return split_stop(stop.id, moment, **reasons, **self._by())

    def merges(self) -> object:
        ours = list(Stop.objects.filter(equipment=self.dice.choice(self.machines)).order_by("started_at"))
        if len(ours) < 3:
            return None
        place = self.dice.randrange(len(ours) - 2)
        last = ours[place + self.dice.randint(1, 2)]
        return merge_stops(ours[place].id, last.id, run_is_stop=self.dice.random() < 0.5, **self._by())

    def separates(self) -> object:
        note = self._any(StopMerge.objects.standing())
        return note and separate_stops(note.pk, by=self.mara, now=self.now)

    def adds(self) -> object:
        machine = self.dice.choice(self.machines)
        silence = self._any(StateEdge.objects.filter(equipment=machine, state="unknown"))
        start = silence.at if silence else self.now - timedelta(minutes=5)
        until = StateEdge.objects.filter(equipment=machine, at__gt=start).order_by("at").first()
        end = until.at if until else self.now
        middle = start + (end - start) * self.dice.random()
        start, end = self.dice.choice([(start, end), (start, middle), (middle, end)])
        machine = Equipment.objects.select_related("line__site").get(pk=machine.pk)
        return add_stop(machine, start.replace(microsecond=0), end.replace(microsecond=0), self._reason(), **self._by())

    def takes_back(self) -> object:
        note = self._any(ManualStop.objects.standing())
        return note and take_back_stop(note.pk, by=self.mara, now=self.now)

    def plans(self) -> object:
        start = self.now + timedelta(minutes=self.dice.randint(-300, 60))
        end = self.dice.choice([None, start + timedelta(minutes=self.dice.randint(1, 400))])
        reason = self.dice.choice(["CLEANING", "CHANGEOVER", "MAINTENANCE"])
        return plan_stop(self.line, reason, starts_at=start, ends_at=end, **self._by())

    def ends_plan(self) -> object:
        planned = PlannedStop.objects.standing().filter(ends_at=None).first()
        return planned and end_planned_stop(planned.pk, by=self.mara, now=self.now)

    def unplans(self) -> object:
        planned = self._any(PlannedStop.objects.standing())
        return planned and take_back_planned_stop(planned.pk, by=self.mara, now=self.now)

    def counts(self) -> object:
        start, end = self._stretch()
        return count_by_hand(self._machine(), start, end, made=50, rejected=2, product_number=1, **self._by())

    def rejects(self) -> object:
        return enter_rejects(
            self._machine(), self.dice.choice(["scrap", "start_up", "rework"]), 3, at=self._past(), **self._by()
        )

    def uncounts(self) -> object:
        entry = self._any(CountEntry.objects.standing())
        return entry and take_back_count(entry.pk, by=self.mara, now=self.now)

    def believes(self) -> object:
        event = CounterEvent.objects.create(
            equipment=self.stage.machine, counter=CounterKind.MADE, kind=CounterEventKind.QUARANTINE, at=self._past(),
            before=0, after=90, delta=90,
        )  # fmt: skip
        event = CounterEvent.objects.select_related("equipment__line__site").get(pk=event.pk)
        return decide_quarantine(event, accept=True, comment="The cable was out.", **self._by())

    def restates(self) -> object:
        start, end = self._stretch()
        return restate(self.line, start, end, by=self.mara, now=self.now, reason="The standard was wrong.")

    def judges(self) -> object:
        return LinePolicy.objects.update_or_create(
            line=self.line,
            valid_from=self._soon,
            defaults={
                "micro_stop_s": self.dice.choice([10, 60, 120, 600]),
                "planned_stops_reduce_availability": self.dice.random() < 0.5,
                "minor_stops_reduce_availability": self.dice.random() < 0.5,
                "no_data_is_lost": self.dice.random() < 0.5,
            },
        )

    def sets_cycle(self) -> object:
        product = self.dice.choice([None, *Product.objects.all()])
        ours = IdealCycle.objects.filter(equipment=self.stage.machine, product=product)
        ours.filter(valid_from=self._soon).delete()
        ours.filter(valid_to=None).update(valid_to=self._soon)
        return IdealCycle.objects.create(
            equipment=self.stage.machine, product=product, ideal_cycle_ms=self.dice.randint(200, 2000),
            valid_from=self._soon,
        )  # fmt: skip

    def sets_class(self) -> object:
        loss = self.dice.choice(["failure", "external", "setup", "planned", "idle"])
        return ReasonClass.objects.update_or_create(
            reason_id=self._reason(), valid_from=self._soon, defaults={"loss_class": loss}
        )

    @property
    def _soon(self) -> datetime:
        """When a standard begins that is set now: what has been judged already keeps the one it was judged by."""
        return self.now + SECOND

    def _by(self) -> dict[str, Any]:
        return {"by": self.mara, "now": self.now, "request_id": uuid.UUID(int=self.dice.getrandbits(128))}

    def _any(self, rows: Any) -> Any:
        found = list(rows.order_by("pk"))
        return self.dice.choice(found) if found else None

    def _stop(self) -> Stop:
        stops = list(Stop.objects.order_by("started_at", "equipment__code"))
        if not stops:
            raise StopGone
        return self.dice.choice(stops)

    def _reason(self) -> str:
        return self.dice.choice(list(StopReason.objects.order_by("code"))[:12]).code

    def _machine(self) -> Equipment:
        return Equipment.objects.select_related("line__site").get(pk=self.stage.machine.pk)

    def _past(self) -> datetime:
        return self.now - timedelta(seconds=self.dice.randint(0, 30_000))

    def _stretch(self) -> tuple[datetime, datetime]:
        start, end = sorted((self._past(), self._past()))
        return start, end + SECOND if end + SECOND <= self.now else self.now


@pytest.mark.parametrize("seed", seeds(1, 40))
def test_what_is_kept_piece_by_piece_is_what_deriving_everything_gives(seed: int) -> None:
    story = Story(seed)
    for _ in range(20):
        story.runs()
        rebuild_dirty(story.now)
        for _ in range(story.dice.randint(0, 4)):
            story.says()
        end_forgotten(story.now)
        assert "\n".join(differences(story.line)) == ""
