"""Whether every call reached the next person in time, or an alarm said why not: from the database and the mails."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.injuries import Done
from tests.faults.outside import Heard, Mail, Outside
from tests.faults.storm import Storm
from tests.stack.running import Product

LATE_S = 5.0
TOLD_WITHIN_S = 15.0
# Alarms that name what keeps calls from moving on.
NAMES_IT = ("late:escalation", "silent:escalator", "fewer:escalator", "database")

STEPS = """
SELECT s.id::text, c.line_id::text || ' ' || c.kind_id, s.clock, s.level, s.reminder,
       extract(epoch FROM s.due_at)::float8, extract(epoch FROM s.taken_at)::float8,
       extract(epoch FROM s.cancelled_at)::float8,
       (SELECT count(*) FROM andon_callevent e WHERE e.step_id = s.id),
       (SELECT count(*) FROM andon_notification n JOIN andon_callevent e ON e.id = n.event_id WHERE e.step_id = s.id)
FROM andon_escalationstep s JOIN andon_call c ON c.id = s.call_id
WHERE s.due_at >= to_timestamp(%s) AND s.due_at <= to_timestamp(%s)
"""
# What went into a summary is told by the summary; the plant's webhooks belong to no person.
MESSAGES = """
SELECT n.id::text, n.event_id::text, u.email, n.channel, n.sent_at IS NOT NULL, n.cancelled_at IS NOT NULL,
       n.failed_at IS NOT NULL, coalesce(n.held_until > clock_timestamp(), false)
FROM andon_notification n JOIN floor_user u ON u.id = n.recipient_id
WHERE n.created_at >= to_timestamp(%s) AND n.bundled_into_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Step:
    id: str
    place: str
    clock: str
    level: int
    reminder: int
    due: float
    taken: float | None
    cancelled: float | None
    events: int
    messages: int

    @property
    def late_s(self) -> float:
        return 0.0 if self.taken is None else self.taken - self.due

    def __str__(self) -> str:
        return f"{self.place} {self.clock} {self.level}.{self.reminder}"


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    event: str
    to: str
    channel: str
    is_sent: bool
    is_cancelled: bool
    is_given_up: bool
    is_held_back: bool


@dataclass
class Verdict:
    """`wrong` is empty, or the promise was broken."""

    figures: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def check(plant: Product, world: Outside, run: Storm) -> Verdict:
    steps = [Step(*row) for row in plant.rows(STEPS, run.began, run.ended)]
    messages = [Message(*row) for row in plant.rows(MESSAGES, run.began)]
    found = Verdict()
    _check_steps(found, steps)
    _check_lateness(found, steps, world.alarms.heard)
    _check_mails(found, messages, world.mail.mails, run.done)
    _check_accepted(found, plant, run)
    return found


def _check_steps(found: Verdict, steps: Sequence[Step]) -> None:
    missed = [step for step in steps if step.taken is None and (step.cancelled is None or step.cancelled > step.due)]
    twice = [step for step in steps if step.events > 1]
    unwritten = [step for step in steps if step.taken is not None and step.events == 0]
    nobody = [step for step in steps if step.taken and not step.messages and not step.reminder]
    found.figures |= {"steps due": len(steps), "steps missed": len(missed), "steps taken twice": len(twice)}
    found.wrong += [f"missed: {step}" for step in missed]
    found.wrong += [f"taken twice: {step}" for step in twice]
    found.wrong += [f"taken without a line of history: {step}" for step in unwritten]
    found.wrong += [f"taken and nobody was told: {step}" for step in nobody]


def _check_lateness(found: Verdict, steps: Sequence[Step], heard: Sequence[Heard]) -> None:
    late_s = sorted(step.late_s for step in steps if step.taken is not None)
    told = _told(heard)
    late = [step for step in steps if step.late_s > LATE_S]
    untold = [step for step in late if not any(b <= step.due + TOLD_WITHIN_S and e >= step.due for b, e in told)]
    found.figures |= {
        "lateness worst s": round(max(late_s, default=0.0), 2),
        "lateness p95 s": round(late_s[int(0.95 * (len(late_s) - 1))], 2) if late_s else 0.0,
        "lateness p50 s": round(late_s[len(late_s) // 2], 2) if late_s else 0.0,
        "steps later than 5 s": len(late),
        "of these not told within 15 s": len(untold),
        "alarms": dict(Counter(key for one in heard for key in one.wrong)),
    }
    found.wrong += [f"{step.late_s:.1f} s late and no alarm said so within 15 s: {step}" for step in untold]


def _told(heard: Iterable[Heard]) -> list[tuple[float, float]]:
    """(said, said to be over) of every alarm that names what keeps calls from moving on."""
    open_: dict[str, float] = {}
    spans = []
    for one in heard:
        for key in one.wrong:
            if key in NAMES_IT:
                open_.setdefault(key, one.at)
        spans += [(open_.pop(key), one.at) for key in one.over if key in open_]
    return [*spans, *((began, float("inf")) for began in open_.values())]


def _check_mails(found: Verdict, messages: Sequence[Message], mails: Sequence[Mail], done: Sequence[Done]) -> None:
    known = {message.id: message for message in messages if message.channel == "email"}
    taken: dict[str, list[Mail]] = defaultdict(list)
    for mail in mails:
        message_id = mail.message_id.strip("<>").partition("@")[0]
        if message_id in known:
            taken[message_id].append(mail)
    answered = {key: [mail for mail in ones if mail.is_answered] for key, ones in taken.items()}
    again = {key: ones for key, ones in answered.items() if len(ones) > 1}
    unexplained = [key for key, ones in again.items() if not _is_explained(ones, done)]
    pairs = Counter((known[key].event, known[key].to) for key, ones in answered.items() if ones)
    lost = [m for m in known.values() if m.is_sent and not answered.get(m.id)]
    stuck = [m for m in known.values() if not (m.is_sent or m.is_cancelled or m.is_held_back)]
    wrong_address = [m for m in known.values() if any(mail.to != m.to for mail in taken.get(m.id, ()))]
    found.figures |= {
        "mails": sum(map(len, answered.values())),
        "mails taken again after a crash between sending and noting": sum(len(ones) - 1 for ones in again.values()),
        "mails taken and never answered": sum(not mail.is_answered for ones in taken.values() for mail in ones),
        "messages never sent": len(stuck),
    }
    found.wrong += [f"sent twice without a crash: {key} to {known[key].to}" for key in unexplained]
    found.wrong += [f"two mails for one step and person: {pair}" for pair, n in pairs.items() if n > 1]
    found.wrong += [f"noted as sent, and never came: {message}" for message in lost]
    found.wrong += [f"never sent: {message}" for message in stuck]
    found.wrong += [f"sent to somebody else: {message}" for message in wrong_address]


def _is_explained(mails: Sequence[Mail], done: Sequence[Done]) -> bool:
    """Something was cut between the first and the last time."""
    first, last = mails[0].at, mails[-1].at
    return any(one.may_cut_a_sending and one.began <= last and one.ended >= first - 1 for one in done)


def _check_accepted(found: Verdict, plant: Product, run: Storm) -> None:
    there = {str(row[0]) for row in plant.rows("SELECT id FROM andon_call")}
    happened = Counter(
        (str(call), what)
        for call, what in plant.rows(
            "SELECT call_id, what FROM andon_callevent WHERE what IN ('acknowledged', 'arrived', 'resolved')"
        )
    )
    words = {"acknowledge": "acknowledged", "arrive": "arrived", "resolve": "resolved"}
    lost = [call for call in run.accepted.calls if call not in there]
    undone = [(call, deed) for call, deed in run.accepted.deeds if not happened[call, words[deed]]]
    found.figures |= {
        "calls accepted": len(run.accepted.calls),
        "deeds accepted": len(run.accepted.deeds),
        "refused or unanswered": run.accepted.refused,
    }
    found.wrong += [f"accepted and not there: call {call}" for call in lost]
    found.wrong += [f"accepted and not there: {deed} of {call}" for call, deed in undone]


def report(run: Storm, verdict: Verdict, heard: Sequence[Heard]) -> dict[str, Any]:
    """What a failing run is replayed and read from."""
    return {
        "seed": run.seed,
        "seconds": run.seconds,
        "began": run.began,
        "ended": run.ended,
        "faults": [
            {"what": str(d.fault), "from_s": round(d.began - run.began, 2), "to_s": round(d.ended - run.began, 2)}
            for d in sorted(run.done, key=lambda one: one.began)
        ],
        "alarms": [asdict(one) | {"at": round(one.at - run.began, 2)} for one in heard],
        "figures": verdict.figures,
        "wrong": verdict.wrong,
        "kept": not verdict.wrong,
    }
