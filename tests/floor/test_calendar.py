"""Planning shifts: what may change from when, what it changes for the past, and the forms people do it with."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from floor.actions.calendar import (
    CalendarRefused,
    PastIsKept,
    Span,
    add_plan,
    add_special_day,
    change_plan,
    change_special_day,
    end_plan,
    is_kept,
    remove_plan,
    remove_special_day,
)
from floor.domain.shifts import Break
from floor.models import AuditEntry, Line, LineState, Rotation, ShiftPattern, Site, SpecialDay, StateEdge, User
from floor.models.shifts import calendar
from tests.factories import make_line, make_machine, make_shifts, make_site, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday
TOMORROW = date(2026, 11, 23)
SEEN = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def site() -> Site:
    site = make_site()
    make_shifts(site)
    return site


@pytest.fixture
def line(site: Site) -> Line:
    """A line with facts since October."""
    return judged(make_line(site=site))


@pytest.fixture
def ola() -> User:
    return make_user("ola", "shift_manager")


def judged(line: Line) -> Line:
    LineState.objects.create(line=line, facts_version=1)
    StateEdge.objects.create(equipment=make_machine(line), at=SEEN, state="run")
    return line


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def day_shift(site: Site) -> ShiftPattern:
    return ShiftPattern.objects.get(site=site, line=None, name="Day", valid_to=None)


def four_on_four_off(site: Site, **values: Any) -> Rotation:
    given = {
        "name": "4 on 4 off",
        "shifts": "Day 06:00-18:00 breaks 09:30-10:00 Tea\nNight 18:00-06:00",
        "sequence": "4 Day 4 off 4 Night 4 off",
        "first_day": date(2026, 11, 23),
        "teams": "A 0, B 4, C 8, D 12",
        "valid_from": TOMORROW,
    }
    return Rotation(site=site, **given | values)


def closed(site: Site, first: date, **values: Any) -> SpecialDay:
    return SpecialDay(site=site, **{"kind": "closed", "first_day": first, "last_day": first, **values})


def shifts_of(line: Line, day: int) -> list[str]:
    its = calendar(line).between(at(day, 6), at(day, 6) + timedelta(days=1))
    return [f"{w.label(line.site.zone)} {w.team}".strip() for w in its]


# ---------------------------------------------------------------- plans


def test_a_changed_shift_begins_on_its_day_and_the_past_keeps_the_old_one(site: Site, line: Line, ola: User) -> None:
    wanted = ShiftPattern(name="Day", starts_at=time(6), ends_at=time(14), weekdays=[1, 2, 3])
    tea = Break("Tea", time(10), time(10, 15))

    spans = change_plan(day_shift(site), wanted, from_day=TOMORROW, breaks=[tea], by=ola, now=NOW)

    assert spans == []
    old, new = ShiftPattern.objects.filter(name="Day").order_by("valid_from")
    assert (old.weekdays, old.valid_to) == ([1, 2, 3, 4, 5, 6, 7], TOMORROW)
    assert (new.weekdays, new.valid_from, new.site) == ([1, 2, 3], TOMORROW, site)
    assert [rest.name for rest in new.breaks.all()] == ["Tea"]
    told = AuditEntry.objects.get(action="shifts_changed")
    assert told.actor == ola
    assert told.detail["before"] == "Day 06:00–14:00, Mon Tue Wed Thu Fri Sat Sun"
    assert told.detail["plan"] == "Day 06:00–14:00, Mon Tue Wed, 10:00–10:15 Tea"


@pytest.mark.parametrize("day", [date(2026, 11, 1), date(2026, 11, 22)])
def test_days_that_have_begun_keep_the_shifts_they_were_judged_by(site: Site, line: Line, day: date) -> None:
    wanted = ShiftPattern(name="Day", starts_at=time(7), ends_at=time(14))

    with pytest.raises(PastIsKept, match=r"L-BAG1 was judged by its shifts .* choose 23 Nov 2026 or later"):
        change_plan(day_shift(site), wanted, from_day=day, by=None, now=NOW)
    with pytest.raises(PastIsKept):
        end_plan(day_shift(site), on=day, by=None, now=NOW)
    with pytest.raises(PastIsKept):
        remove_plan(day_shift(site), by=None, now=NOW)
    assert is_kept(day_shift(site), NOW)
    assert ShiftPattern.objects.count() == 3


def test_nothing_is_kept_for_a_line_that_nobody_has_seen(site: Site) -> None:
    make_line(site=site)
    wanted = ShiftPattern(name="Day", starts_at=time(7), ends_at=time(14))

    assert change_plan(day_shift(site), wanted, from_day=date(2020, 1, 1), by=None, now=NOW) == []

    assert day_shift(site).starts_at == time(7)
    assert ShiftPattern.objects.count() == 3


def test_the_other_line_keeps_the_site_shifts_from_being_rewritten(site: Site, line: Line) -> None:
    """A pattern of the site is free only when none of the lines that follow it was judged."""
    free = make_line("L-NEW", site=site)
    own = ShiftPattern(site=site, line=free, name="Day", starts_at=time(6), ends_at=time(20))
    add_plan(own, by=None, now=NOW)

    assert not is_kept(own, NOW)
    assert is_kept(day_shift(site), NOW)


def test_a_plan_that_was_ended_does_not_come_back_for_days_past(site: Site, line: Line) -> None:
    ShiftPattern.objects.filter(name="Night").update(valid_to=date(2026, 11, 10))
    night = ShiftPattern.objects.get(name="Night")

    with pytest.raises(PastIsKept):
        end_plan(night, on=None, by=None, now=NOW)
    with pytest.raises(PastIsKept):
        end_plan(night, on=date(2026, 12, 1), by=None, now=NOW)


def test_shifts_that_would_overlap_are_refused_and_nothing_is_written(site: Site, line: Line) -> None:
    wanted = ShiftPattern(name="Day", starts_at=time(6), ends_at=time(15))

    with pytest.raises(CalendarRefused, match=r"Day 23 Nov · 06:00–15:00 and Afternoon 23 Nov · 14:00–22:00 overlap"):
        change_plan(day_shift(site), wanted, from_day=TOMORROW, by=None, now=NOW)

    assert day_shift(site).ends_at == time(14)
    assert not AuditEntry.objects.exists()


def test_a_break_outside_its_shift_is_refused(site: Site, line: Line) -> None:
    late = ShiftPattern(site=site, line=line, name="Late", starts_at=time(14), ends_at=time(22), valid_from=TOMORROW)

    with pytest.raises(CalendarRefused, match="Tea 10:00–10:15 lies outside the shift"):
        add_plan(late, breaks=[Break("Tea", time(10), time(10, 15))], by=None, now=NOW)


def test_a_line_that_begins_a_rotation_keeps_the_site_shifts_of_its_past(site: Site, line: Line, ola: User) -> None:
    assert add_plan(four_on_four_off(site, line=line), by=ola, now=NOW) == []

    assert shifts_of(line, 21) == [
        "Day 21 Nov · 06:00–14:00",
        "Afternoon 21 Nov · 14:00–22:00",
        "Night 21 Nov · 22:00–06:00",
    ]
    assert shifts_of(line, 22)[-1] == "Night 22 Nov · 22:00–06:00"
    assert shifts_of(line, 23) == ["Day 23 Nov · 06:00–18:00 A", "Night 23 Nov · 18:00–06:00 C"]
    assert shifts_of(line, 27) == ["Day 27 Nov · 06:00–18:00 B", "Night 27 Nov · 18:00–06:00 D"]


def test_the_shift_that_runs_when_a_rotation_begins_ends_where_the_first_one_starts(site: Site, line: Line) -> None:
    early = four_on_four_off(site, line=line, shifts="Day 04:00-16:00\nNight 16:00-04:00")
    add_plan(early, by=None, now=NOW)

    last = calendar(line).at(at(23, 3))

    assert last is not None
    assert last.label(site.zone) == "Night 22 Nov · 22:00–04:00"


def test_a_line_that_was_never_planned_can_be_planned_for_its_past() -> None:
    line = judged(make_line("L-NEW", site=make_site("OTHER")))
    day = ShiftPattern(site=line.site, name="Day", starts_at=time(6), ends_at=time(14), valid_from=date(2000, 1, 1))

    assert add_plan(day, by=None, now=NOW) == [Span(line, SEEN + timedelta(hours=5), NOW)]


# ---------------------------------------------------------------- special days


def test_a_holiday_ahead_changes_nothing_that_was_accounted_for(site: Site, line: Line, ola: User) -> None:
    assert add_special_day(closed(site, date(2026, 12, 25), note="Christmas"), by=ola, now=NOW) == []

    assert AuditEntry.objects.get(action="special_day_added").detail["day"] == "2026-12-25 closed Christmas"
    assert calendar(line).at(datetime(2026, 12, 25, 12, tzinfo=UTC)) is None


def test_we_did_work_on_saturday(ola: User) -> None:
    """A correction names the line and the stretch of time that has to be accounted for again."""
    site = make_site("OTHER")
    ShiftPattern.objects.create(site=site, name="Day", weekdays=[1, 2, 3, 4, 5], starts_at=time(6), ends_at=time(14))
    line, other = judged(make_line("L1", site=site)), judged(make_line("L2", site=site))
    worked = SpecialDay(
        site=site, line=line, kind="extra", first_day=date(2026, 11, 21), last_day=date(2026, 11, 21),
        shift="Overtime", starts_at=time(6), ends_at=time(12),
    )  # fmt: skip

    assert add_special_day(worked, by=ola, now=NOW) == [Span(line, at(21, 6), at(21, 12))]

    assert shifts_of(line, 21) == ["Overtime 21 Nov · 06:00–12:00"]
    assert shifts_of(other, 21) == []
    worked.ends_at = time(13)
    assert change_special_day(worked, by=ola, now=NOW) == [Span(line, at(21, 6), at(21, 13))]
    assert remove_special_day(worked, by=ola, now=NOW) == [Span(line, at(21, 6), at(21, 13))]
    assert shifts_of(line, 21) == []
    assert list(AuditEntry.objects.order_by("pk").values_list("actor__username", "action")) == [
        ("ola", "special_day_added"),
        ("ola", "special_day_changed"),
        ("ola", "special_day_removed"),
    ]


def test_a_day_of_the_whole_site_concerns_every_line(site: Site, line: Line) -> None:
    other = judged(make_line("L2", site=site))

    spans = add_special_day(closed(site, date(2026, 11, 20), shift="Night"), by=None, now=NOW)

    assert {span.line: (span.since, span.until) for span in spans} == dict.fromkeys(
        (line, other), (at(20, 22), at(21, 6))
    )


def test_today_is_accounted_for_again_up_to_now(site: Site, line: Line) -> None:
    spans = add_special_day(closed(site, date(2026, 11, 22), shift="Day"), by=None, now=NOW)

    assert spans == [Span(line, at(22, 6), NOW)]


def test_a_line_works_as_usual_while_its_site_is_closed(site: Site, line: Line) -> None:
    add_special_day(closed(site, TOMORROW), by=None, now=NOW)
    assert shifts_of(line, 23) == []

    add_special_day(closed(site, TOMORROW, line=line, kind="usual"), by=None, now=NOW)

    assert len(shifts_of(line, 23)) == 3


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"shift": "Nite"}, "No shift is called Nite; there are Afternoon, Day, Night."),
        (
            {"kind": "extra", "shift": "Overtime", "starts_at": time(13), "ends_at": time(15)},
            "Day 23 Nov .* and Overtime 23 Nov .* overlap",
        ),
        (
            {"kind": "changed", "shift": "Day", "starts_at": time(5), "ends_at": time(13)},
            "Night 22 Nov .* and Day 23 Nov · 05:00–13:00 overlap",
        ),
    ],
)
def test_a_day_that_contradicts_the_plan_is_refused(
    site: Site, line: Line, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CalendarRefused, match=sentence):
        add_special_day(closed(site, TOMORROW, **values), by=None, now=NOW)

    assert not SpecialDay.objects.exists()


def test_two_things_cannot_be_said_of_the_same_days(site: Site, line: Line) -> None:
    add_special_day(closed(site, TOMORROW, last_day=date(2026, 11, 30)), by=None, now=NOW)

    with pytest.raises(CalendarRefused, match=r"Something else is said .* 2026-11-23 to 2026-11-30 closed"):
        add_special_day(closed(site, date(2026, 11, 28)), by=None, now=NOW)


# ---------------------------------------------------------------- the forms

Post = Callable[..., Any]


@pytest.fixture
def post(ola: User) -> Post:
    """Send a form of the administration; None when it was accepted, else its errors."""

    def send(model: str, row: Any = None, **values: Any) -> dict[str, list[str]] | None:
        client = Client()
        client.force_login(ola, backend="ms5.backends.MatrixBackend")
        address = reverse(f"admin:floor_{model}_{'change' if row else 'add'}", args=[row.pk] if row else [])
        answer = client.post(address, values)
        if answer.status_code == 302:
            return None
        assert answer.status_code == 200
        return dict(answer.context["adminform"].form.errors)

    return send


def soon() -> date:
    return timezone.localdate() + timedelta(days=1)


def rotation_form(site: Site, **values: Any) -> dict[str, Any]:
    given = {
        "site": site.pk,
        "name": "4 on 4 off",
        "shifts": "Day 06:00-18:00 breaks 09:30-10:00 Tea\nNight 18:00-06:00",
        "sequence": "4 Day 4 off 4 Night 4 off",
        "first_day": "2026-11-23",
        "teams": "A 0, B 4, C 8, D 12",
        "valid_from": str(soon()),
    }
    return given | values


def test_a_rotation_is_entered_in_a_few_fields(post: Post, line: Line) -> None:
    assert post("rotation", **rotation_form(line.site, line=line.pk)) is None

    assert Rotation.objects.get().value().hours_per_week == 42


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("sequence", "Day Nite off", "Nite is not a shift of this rotation; use Day, Night, off."),
        ("sequence", "", "The sequence is empty. Write one word for each day"),
        ("teams", "A 0, B 16", "Team B begins 16 days after the first day; the sequence has 16 days, so use 0 to 15."),
        ("teams", "A", "A is not a team; write its name and its first day, such as A 0, B 4."),
        ("shifts", "Day 6-18", "Day 6-18 is not a shift; write Day 06:00–18:00"),
    ],
)
def test_what_is_wrong_with_a_rotation_stands_beside_the_field(
    post: Post, line: Line, field: str, text: str, sentence: str
) -> None:
    errors = post("rotation", **rotation_form(line.site, line=line.pk, **{field: text}))

    assert errors is not None
    assert any(sentence in error for error in errors[field])
    assert not Rotation.objects.exists()


def test_a_form_that_touches_the_past_says_what_to_do(post: Post, line: Line) -> None:
    errors = post("rotation", **rotation_form(line.site, line=line.pk, valid_from="2026-01-01"))

    assert errors is not None
    assert "To correct single days, enter a special day." in errors["__all__"][0]


def pattern_form(row: ShiftPattern, **values: Any) -> dict[str, Any]:
    given = {
        "name": row.name,
        "weekdays": row.weekdays,
        "starts_at": str(row.starts_at),
        "ends_at": str(row.ends_at),
        "breaks_text": "",
    }
    return given | values


def test_saving_a_shift_in_force_begins_a_new_one_tomorrow(post: Post, line: Line, ola: User) -> None:
    row = day_shift(line.site)

    assert post("shiftpattern", row, **pattern_form(row, breaks_text="09:30-10:00 Tea")) is None

    old, new = ShiftPattern.objects.filter(name="Day").order_by("valid_from")
    assert (old.pk, old.valid_to, new.valid_from) == (row.pk, soon(), soon())
    assert old.breaks.count() == 0
    assert new.breaks.get().name == "Tea"
    assert AuditEntry.objects.get(action="shifts_changed").actor == ola


def test_a_shift_in_force_is_ended_by_its_last_day(post: Post, line: Line) -> None:
    row = day_shift(line.site)

    assert post("shiftpattern", row, **pattern_form(row, valid_to=str(soon()))) is None

    row.refresh_from_db()
    assert row.valid_to == soon()
    assert ShiftPattern.objects.count() == 3


def test_saving_a_shift_unchanged_changes_nothing(post: Post, line: Line) -> None:
    row = day_shift(line.site)

    assert post("shiftpattern", row, **pattern_form(row)) is None

    assert ShiftPattern.objects.count() == 3
    assert not AuditEntry.objects.exists()


def test_a_shift_change_in_the_past_or_an_overlap_stands_on_the_form(post: Post, line: Line) -> None:
    row = day_shift(line.site)

    past = post("shiftpattern", row, **pattern_form(row, name="Early", from_day="2026-01-01"))
    overlap = post("shiftpattern", row, **pattern_form(row, ends_at="15:00"))
    unreadable = post("shiftpattern", row, **pattern_form(row, breaks_text="half past nine"))

    assert past is not None
    assert "that is kept" in past["__all__"][0]
    assert overlap is not None
    assert "overlap" in overlap["__all__"][0]
    assert unreadable is not None
    assert "half past nine is not a break" in unreadable["breaks_text"][0]
    assert ShiftPattern.objects.count() == 3


def test_a_shift_that_lines_were_judged_by_cannot_be_deleted_but_a_mistake_ahead_can(ola: User, line: Line) -> None:
    client = Client()
    client.force_login(ola, backend="ms5.backends.MatrixBackend")
    ahead = ShiftPattern.objects.create(
        site=line.site, name="Day", starts_at=time(6), ends_at=time(14), valid_from=soon() + timedelta(days=9)
    )

    kept = client.post(reverse("admin:floor_shiftpattern_delete", args=[day_shift_today(line).pk]), {"post": "yes"})
    free = client.post(reverse("admin:floor_shiftpattern_delete", args=[ahead.pk]), {"post": "yes"})

    assert kept.status_code == 403
    assert free.status_code == 302
    assert not ShiftPattern.objects.filter(pk=ahead.pk).exists()
    assert ShiftPattern.objects.count() == 3


def day_shift_today(line: Line) -> ShiftPattern:
    return ShiftPattern.objects.get(site=line.site, name="Day", valid_from=date(2020, 1, 1))


def test_a_holiday_is_entered_by_its_first_day_alone(post: Post, line: Line) -> None:
    assert post("specialday", site=line.site.pk, kind="closed", first_day="2026-12-25", note="Christmas") is None

    day = SpecialDay.objects.get()
    assert day.last_day == date(2026, 12, 25)
    assert (
        post("specialday", day, site=line.site.pk, kind="closed", first_day="2026-12-25", last_day="2026-12-26") is None
    )
    day.refresh_from_db()
    assert day.last_day == date(2026, 12, 26)


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"kind": "extra", "starts_at": "06:00", "ends_at": "12:00"}, "shift", "Give the extra shift a name."),
        ({"kind": "extra", "shift": "Overtime", "starts_at": "06:00"}, "ends_at", "When does the extra shift end?"),
        ({"kind": "changed", "ends_at": "12:00"}, "shift", "Which shift has other hours?"),
        ({"kind": "changed", "shift": "Day"}, "ends_at", "When does the shift start or end on these days?"),
        ({"kind": "closed", "ends_at": "12:00"}, "starts_at", "Only other hours and extra shifts have times."),
        ({"kind": "usual"}, "line", "Which line works as usual?"),
        ({"kind": "closed", "last_day": "2026-12-01"}, "last_day", "The last day lies before the first."),
        ({"kind": "closed", "last_day": "2028-12-01"}, "last_day", "More than a year is not special"),
        ({"kind": "closed", "shift": "Nite"}, "__all__", "No shift is called Nite"),
    ],
)
def test_what_is_wrong_with_a_special_day_stands_beside_the_field(
    post: Post, line: Line, values: dict[str, str], field: str, sentence: str
) -> None:
    errors = post("specialday", site=line.site.pk, first_day="2026-12-24", **values)

    assert errors is not None
    assert any(sentence in error for error in errors[field]), errors
    assert not SpecialDay.objects.exists()


def test_deleting_a_special_day_is_told_and_recorded(ola: User, line: Line) -> None:
    client = Client()
    client.force_login(ola, backend="ms5.backends.MatrixBackend")
    yesterday = timezone.localdate() - timedelta(days=1)
    add_special_day(closed(line.site, yesterday), by=ola, now=timezone.now())

    answer = client.post(
        reverse("admin:floor_specialday_delete", args=[SpecialDay.objects.get().pk]), {"post": "yes"}, follow=True
    )

    assert f"{line}: planned otherwise from" in answer.content.decode()
    assert AuditEntry.objects.filter(action="special_day_removed", actor=ola).exists()
