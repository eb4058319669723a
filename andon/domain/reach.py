"""Who is told when a step falls due, and by which ways. A call must reach somebody, whatever the roster says."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from andon.domain.call import Priority

# Who is told when nobody has the roles that a step names.
LEADERS = ("shift_manager", "production_manager", "admin")


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    role: str
    is_there: bool = True
    is_active: bool = True


class Basis(StrEnum):
    """Why these people and no others."""

    ON_SHIFT = "on shift"
    ON_CALL = "on call"
    EVERYBODY = "everybody of the role"
    LEADERS = "those who lead"
    ANYBODY = "anybody at all"


@dataclass(frozen=True, slots=True)
class Staff:
    """Everybody as seen from one line at one moment.

    `on_call`: role → the people on call for it now. `delegates`: person → who is told instead now.
    """

    people: tuple[Person, ...]
    on_call: Mapping[str, Collection[UUID]] = field(default_factory=dict)
    delegates: Mapping[UUID, UUID] = field(default_factory=dict)

    def active(self) -> dict[UUID, Person]:
        return {person.id: person for person in self.people if person.is_active}


@dataclass(frozen=True, slots=True)
class Reached:
    """`people` in a fixed order; `basis` says for each role on what grounds its people were chosen."""

    people: tuple[UUID, ...]
    basis: tuple[tuple[str, Basis], ...]


def whom(roles: Iterable[str], staff: Staff, also: Iterable[UUID] = ()) -> Reached:
    """Whom to tell. Empty only when everybody is switched off; the order of rows makes no difference.

    Of each role: those on shift, else those on call, else everybody. Roles without any people: those who lead the
    plant, chosen the same way, else anybody. `also` are told besides, such as the one who is coming.
    """
    active = staff.active()
    chosen = {role: _of_role(role, staff, active) for role in dict.fromkeys(roles)}
    people = {id for ids, _ in chosen.values() for id in ids}
    basis = [(role, why) for role, (ids, why) in chosen.items() if ids]
    if not people:
        people = {id for role in LEADERS for id in _of_role(role, staff, active)[0]}
        basis = [(role, Basis.LEADERS) for role in chosen]
    if not people:
        people, basis = set(active), [(role, Basis.ANYBODY) for role in chosen]
    people |= {id for id in also if id in active}
    told = {_delegate(id, staff.delegates, active) for id in people}
    return Reached(tuple(sorted(told)), tuple(sorted(basis)))


def _of_role(role: str, staff: Staff, active: Mapping[UUID, Person]) -> tuple[set[UUID], Basis]:
    members = [person for person in active.values() if person.role == role]
    if there := {person.id for person in members if person.is_there}:
        return there, Basis.ON_SHIFT
    if on_call := {id for id in staff.on_call.get(role, ()) if id in active}:
        return on_call, Basis.ON_CALL
    return {person.id for person in members}, Basis.EVERYBODY


def _delegate(person: UUID, delegates: Mapping[UUID, UUID], active: Mapping[UUID, Person]) -> UUID:
    """Follow who stands in for whom, at most to the last one who can be told; a circle changes nothing."""
    seen, at = {person}, person
    while (following := delegates.get(at)) is not None and following in active:
        if following in seen:
            return person
        seen.add(following)
        at = following
    return at


def closes_circle(frm: UUID, to: UUID, delegates: Mapping[UUID, UUID]) -> bool:
    """Whether `to` would, perhaps through others, be stood in for by `frm`."""
    seen: set[UUID] = set()
    at: UUID | None = to
    while at is not None and at not in seen:
        if at == frm:
            return True
        seen.add(at)
        at = delegates.get(at)
    return False


# ---------------------------------------------------------------- by which ways


@dataclass(frozen=True, slots=True)
class Way:
    """A way that leaves the house, and the least urgent call that may use it."""

    channel: str
    least: Priority = Priority.LOW


def ways(wanted: Sequence[Way], usual: Sequence[str], open_to: Collection[str], priority: Priority) -> tuple[str, ...]:
    """The channels for a person, first choice first. `open_to` are those by which the person can be reached at all.

    A way that the person said nothing about comes after the others; a critical call may use every way.
    """
    said = list(dict.fromkeys(way.channel for way in wanted))
    least = {way.channel: way.least for way in reversed(wanted)}
    order = [*said, *(channel for channel in usual if channel not in said)]
    is_wanted = [c for c in order if priority is Priority.CRITICAL or priority >= least.get(c, Priority.LOW)]
    return tuple(channel for channel in is_wanted if channel in open_to)
