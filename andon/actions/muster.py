"""Everybody who can be told at one moment, read once for all calls of a round."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

import structlog

from andon.domain.reach import Basis, Person, Reached, Staff, whom
from andon.models import Delegation, OnCall
from andon.words import spoken
from floor.models import Line, User
from floor.models.roster import IsThere, there_at

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Muster:
    people: Mapping[UUID, User]
    there: Mapping[UUID, IsThere]
    on_call: Mapping[str, set[UUID]]
    delegates: Mapping[UUID, UUID]
    _seen_from: dict[UUID, Staff] = field(default_factory=dict)
    _reached: dict[tuple[object, ...], Reached] = field(default_factory=dict)

    @classmethod
    def at(cls, lines: Iterable[Line], now: datetime) -> Self:
        on_call: dict[str, set[UUID]] = defaultdict(set)
        for role, person in OnCall.objects.at(now).values_list("role", "person"):
            on_call[role].add(person)
        people = {person.pk: person for person in User.objects.filter(is_active=True)}
        delegates = dict(Delegation.objects.at(now).values_list("person", "deputy"))
        return cls(people, there_at(lines, now), on_call, delegates)

    def reached(self, line: Line, roles: Sequence[str], also: Sequence[UUID] = ()) -> Reached:
        """Whom a call at this line reaches that goes to these roles."""
        key = (line.pk, tuple(roles), tuple(also))
        reached = self._reached.get(key)
        if reached is None:
            reached = self._reached[key] = whom(roles, self._staff(line.pk), also)
        if not reached.people:
            log.error("nobody can be told, everybody is switched off", line=line.code)
        return reached

    def named(self, reached: Reached) -> list[User]:
        return [self.people[id] for id in reached.people]

    def _staff(self, line: UUID) -> Staff:
        if line not in self._seen_from:
            is_there = self.there[line]
            people = tuple(Person(one.pk, one.role, is_there(one.pk)) for one in self.people.values())
            self._seen_from[line] = Staff(people, self.on_call, self.delegates)
        return self._seen_from[line]


def besides(reached: Reached) -> str:
    """What is said in a call's history when others were told than those on shift; empty when they were."""
    by_basis: dict[Basis, list[str]] = defaultdict(list)
    for role, basis in reached.basis:
        by_basis[basis].append(role)
    return "; ".join(_sentence(basis, roles) for basis, roles in by_basis.items() if basis is not Basis.ON_SHIFT)


def _sentence(basis: Basis, roles: list[str]) -> str:
    match basis:
        case Basis.ON_CALL:
            return f"no {spoken(roles)} on shift, those on call are told"
        case Basis.EVERYBODY:
            return f"no {spoken(roles)} on shift or on call, all of them are told"
        case Basis.LEADERS:
            return f"nobody is {spoken(roles)}, those who lead the plant are told"
    return f"nobody is {spoken(roles)} and nobody leads the plant, everybody is told"
