"""Jobs on a line: planned, started, ended, and what is refused in words."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from floor.actions.jobs import (
    ImpossibleJob,
    ImpossibleJobTime,
    JobElsewhere,
    JobRefused,
    JobTooOld,
    add_run,
    change_job,
    correct_run,
    create_job,
    end_job,
    remove_job,
    set_job_cycle,
    start_job,
    take_back_run,
)
from floor.models import AuditEntry, FactsChange, IdealCycle, Job, JobRun, Line, LineState, Product, User
from tests.factories import make_line, make_machine, make_shifts, make_site, make_user
from tests.oee.stage import at

pytestmark = pytest.mark.django_db

NOW = at("12:00")


@pytest.fixture
def line() -> Line:
    make_shifts(make_site())
    line = make_line()
    make_machine(line)
    return line


@pytest.fixture
def white() -> Product:
    return Product.objects.create(code="WHITE", name="White sliced")


@pytest.fixture
def mara() -> User:
    return make_user("mara", "shift_manager")


@pytest.fixture
def ola() -> User:
    return make_user("ola", "operator")


@pytest.fixture
def plan(line: Line, white: Product, mara: User) -> Callable[..., Job]:
    def planned(number: str, **more: Any) -> Job:
        return create_job(line, number, white, 500, by=mara, now=at("05:00"), **more)

    return planned


def runs() -> list[tuple[str, datetime, datetime | None]]:
    return list(JobRun.objects.order_by("started_at").values_list("job__number", "started_at", "ended_at"))


def test_starting_a_job_ends_the_one_before_at_the_same_moment(plan: Callable[..., Job], ola: User) -> None:
    start_job(plan("4711"), by=ola, now=at("08:00"))
    start_job(plan("4712"), by=ola, now=at("10:00"))

    assert runs() == [("4711", at("08:00"), at("10:00")), ("4712", at("10:00"), None)]
    assert list(AuditEntry.objects.filter(actor=ola).values_list("action", flat=True)) == [
        "job.start", "job.end", "job.start",
    ]  # fmt: skip


def test_a_job_that_was_interrupted_goes_on(plan: Callable[..., Job], ola: User) -> None:
    job = plan("4711")
    start_job(job, by=ola, now=at("08:00"))
    end_job(job, by=ola, now=at("09:00"))
    start_job(job, by=ola, now=at("10:00"))

    assert runs() == [("4711", at("08:00"), at("09:00")), ("4711", at("10:00"), None)]


def test_a_start_that_somebody_forgot_to_tap_may_lie_back(plan: Callable[..., Job], ola: User) -> None:
    start_job(plan("4711"), by=ola, now=at("08:00"))
    start_job(plan("4712"), by=ola, now=NOW, started_at=at("11:40"))

    assert runs() == [("4711", at("08:00"), at("11:40")), ("4712", at("11:40"), None)]


def test_the_same_tap_sent_twice_starts_a_job_once(plan: Callable[..., Job], ola: User) -> None:
    job, tap = plan("4711"), uuid4()
    first = start_job(job, by=ola, now=at("08:00"), request_id=tap)

    assert start_job(job, by=ola, now=at("08:01"), request_id=tap) == first
    assert JobRun.objects.count() == 1


def test_what_cannot_be_is_refused_in_words(plan: Callable[..., Job], ola: User) -> None:
    first, second = plan("4711"), plan("4712")
    start_job(first, by=ola, now=at("08:00"))
    end_job(first, by=ola, now=at("09:00"))
    start_job(second, by=ola, now=at("10:00"))
    refused: list[tuple[Callable[[], object], type[JobRefused], str]] = [
        (lambda: start_job(first, by=ola, now=NOW, started_at=at("12:01")), ImpossibleJobTime, "in the future"),
        (lambda: end_job(second, by=ola, now=NOW, ended_at=at("12:01")), ImpossibleJobTime, "in the future"),
        (lambda: end_job(second, by=ola, now=NOW, ended_at=at("09:59")), ImpossibleJobTime, "its end must be later"),
        (lambda: end_job(second, by=ola, now=NOW, ended_at=at("10:00")), ImpossibleJobTime, "its end must be later"),
        (lambda: end_job(first, by=ola, now=NOW), JobElsewhere, "ola ended job 4711 at 20.11. 09:00 already."),
        (lambda: end_job(plan("4713"), by=ola, now=NOW), JobElsewhere, "has not been started"),
        (lambda: start_job(second, by=ola, now=NOW), JobElsewhere, "has been running since 20.11. 10:00."),
        (lambda: start_job(first, by=ola, now=NOW, started_at=at("10:00")), ImpossibleJobTime, "4712 ran from"),
        (
            lambda: start_job(second, by=ola, now=NOW, started_at=at("08:30")),
            JobElsewhere,
            "has been running since 20.11. 10:00.",
        ),
    ]
    before = runs()

    for act, refusal, words in refused:
        with pytest.raises(refusal, match=words):
            act()

    assert runs() == before


def test_a_start_inside_an_older_run_is_refused(plan: Callable[..., Job], ola: User) -> None:
    first = plan("4711")
    start_job(first, by=ola, now=at("08:00"))
    end_job(first, by=ola, now=at("09:00"))

    with pytest.raises(ImpossibleJobTime, match=r"ran from 20\.11\. 08:00 to 20\.11\. 09:00\. Choose a later"):
        start_job(plan("4712"), by=ola, now=NOW, started_at=at("08:59"))


def test_a_closed_shift_is_the_shift_managers(plan: Callable[..., Job], ola: User, mara: User) -> None:
    job = plan("4711")
    tomorrow = at("12:00", 1)  # the night and the afternoon since are over

    with pytest.raises(JobTooOld, match="The shift Day 20 Nov · 06:00–14:00 is closed"):
        start_job(job, by=ola, now=tomorrow, started_at=at("12:00"))

    start_job(job, by=mara, now=tomorrow, started_at=at("12:00"))
    assert runs() == [("4711", at("12:00"), None)]


def test_what_cannot_be_planned_is_refused_in_words(line: Line, white: Product, mara: User) -> None:
    other, gone = make_line("L-BAG2"), Product.objects.create(code="OLD", name="Old loaf", enabled=False)
    create_job(other, "4711", white, 10, by=mara, now=NOW)
    refused: list[tuple[Line, str, Product, int, type[JobRefused], str]] = [
        (line, "4711", white, 10, JobElsewhere, "Job 4711 is there already, on L-BAG2."),
        (line, "4712", gone, 10, ImpossibleJob, "Old loaf is not made any more."),
        (line, "4712", white, 0, ImpossibleJob, "Plan at least one unit."),
        (line, " ", white, 10, ImpossibleJob, "A job has a number."),
    ]
    for where, number, product, quantity, refusal, words in refused:
        with pytest.raises(refusal, match=words):
            create_job(where, number, product, quantity, by=mara, now=NOW)
    assert list(Job.objects.values_list("number", flat=True)) == ["4711"]


def test_what_a_started_job_makes_and_where_stays_what_it_was(plan: Callable[..., Job], mara: User) -> None:
    job, rye = plan("4711"), Product.objects.create(code="RYE", name="Rye")
    change_job(job, by=mara, now=NOW, product=rye, planned_quantity=700)
    start_job(job, by=mara, now=NOW)

    change_job(job, by=mara, now=NOW, planned_quantity=800)
    with pytest.raises(ImpossibleJob, match="has been started; its product stays"):
        change_job(job, by=mara, now=NOW, product=Product.objects.get(code="WHITE"))
    with pytest.raises(JobElsewhere, match="has been started"):
        remove_job(job, by=mara, now=NOW)

    job.refresh_from_db()
    assert (job.product, job.planned_quantity) == (rye, 800)
    changed = AuditEntry.objects.filter(action="job.change").latest("pk").detail["changed"]
    assert changed == {"planned_quantity": ["700", "800"]}


def test_a_job_that_was_never_started_can_be_taken_back(plan: Callable[..., Job], mara: User) -> None:
    job = plan("4711", ideal_cycle_ms=450)

    remove_job(job, by=mara, now=NOW)

    assert not Job.objects.exists()
    assert not IdealCycle.objects.exists()


def test_the_database_admits_one_run_at_a_time_and_no_run_without_time(plan: Callable[..., Job]) -> None:
    first, second = plan("4711"), plan("4712")
    JobRun.objects.create(job=first, line=first.line, started_at=at("08:00"), ended_at=at("09:00"))
    for job, start, end in (
        (second, at("08:30"), at("09:30")),
        (second, at("07:00"), None),
        (first, at("10:00"), at("10:00")),
        (first, at("10:00"), at("09:30")),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            JobRun.objects.create(job=job, line=job.line, started_at=start, ended_at=end)
    JobRun.objects.create(job=second, line=second.line, started_at=at("09:00"), ended_at=None)


def test_the_database_admits_no_run_on_another_line_than_its_jobs(plan: Callable[..., Job]) -> None:
    JobRun.objects.create(job=plan("4711"), line=make_line("L-BAG2"), started_at=at("08:00"))

    with pytest.raises(IntegrityError, match="job_run_on_the_line_of_its_job"), transaction.atomic():
        connection.check_constraints()
    JobRun.objects.all().delete()


def test_starting_a_job_marks_the_facts_of_its_line_as_changed_since_then(plan: Callable[..., Job], ola: User) -> None:
    job = plan("4711")
    start_job(job, by=ola, now=at("08:00"))
    assert not FactsChange.objects.exists(), "nothing was ever seen of this line"
    LineState.objects.create(line=job.line, facts_version=1)

    end_job(job, by=ola, now=at("09:00"), ended_at=at("08:50"))
    start_job(plan("4712"), by=ola, now=NOW, started_at=at("11:40"))

    changes = FactsChange.objects.order_by("version").values_list("version", "since")
    assert list(changes) == [(2, at("08:50")), (3, at("11:40"))]


def test_the_ideal_cycle_of_a_job_can_be_corrected_until_it_starts_and_holds_from_then_on_after(
    plan: Callable[..., Job], mara: User
) -> None:
    job = plan("4711", ideal_cycle_ms=450)
    LineState.objects.create(line=job.line, facts_version=1)

    set_job_cycle(job, 470, by=mara, now=at("07:00"))
    assert [row.ideal_cycle_ms for row in IdealCycle.objects.all()] == [470]

    start_job(job, by=mara, now=at("08:00"))
    set_job_cycle(job, 480, by=mara, now=at("09:00"))

    rows = IdealCycle.objects.order_by("valid_from").values_list("ideal_cycle_ms", "valid_from", "valid_to")
    assert [(ms, end) for ms, _, end in rows] == [(470, at("09:00")), (480, None)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from(["start", "end"]), st.integers(0, 2), st.integers(0, 90), st.integers(0, 60)),
        max_size=12,
    )
)
def test_whatever_people_tap_runs_never_overlap_and_every_accepted_tap_is_kept(
    plan: Callable[..., Job], ola: User, taps: list[tuple[str, int, int, int]]
) -> None:
    with transaction.atomic():
        jobs = [plan(f"{uuid4()}"[:8]) for _ in range(3)]
        now, accepted = at("06:00"), 0
        for deed, which, pause, back in taps:
            now += timedelta(minutes=pause)
            moment = now - timedelta(minutes=back)
            try:
                if deed == "start":
                    start_job(jobs[which], by=None, now=now, started_at=moment)
                else:
                    end_job(jobs[which], by=None, now=now, ended_at=moment)
            except JobRefused:
                continue
            accepted += deed == "start"
        found = list(JobRun.objects.order_by("started_at"))
        assert len(found) == accepted
        for earlier, later in pairwise(found):
            assert earlier.ended_at is not None
            assert earlier.started_at < earlier.ended_at <= later.started_at
        transaction.set_rollback(True)


# ---------------------------------------------------------------- it was otherwise


def started(plan: Callable[..., Job], ola: User) -> list[JobRun]:
    """4711 from eight, 4712 from ten, and still; the line has been seen."""
    runs = [start_job(plan(number), by=ola, now=at(clock)) for number, clock in (("4711", "08:00"), ("4712", "10:00"))]
    LineState.objects.create(line=runs[0].line, facts_version=1)
    return runs


def correct(run: JobRun, mara: User, **otherwise: Any) -> JobRun:
    run.refresh_from_db()
    stays = {"job": run.job, "started_at": run.started_at, "ended_at": run.ended_at, "reason": "Wrong tap."}
    return correct_run(run, **{**stays, **otherwise}, by=mara, now=NOW)


def test_a_wrong_start_is_taken_back_and_the_job_before_went_on(
    plan: Callable[..., Job], ola: User, mara: User
) -> None:
    _, wrong = started(plan, ola)

    take_back_run(wrong, reason="Wrong tap.", by=mara, now=NOW)

    assert runs() == [("4711", at("08:00"), None)]
    entry = AuditEntry.objects.get(action="job.take_back")
    assert (entry.actor, entry.detail["before"]["job"], entry.detail["reason"]) == (mara, "4712", "Wrong tap.")
    assert FactsChange.objects.order_by("-version")[0].since == at("10:00")
    with pytest.raises(JobElsewhere, match="taken back already"):
        take_back_run(wrong, reason="Wrong tap.", by=mara, now=NOW)


def test_it_was_another_job_that_ran(plan: Callable[..., Job], ola: User, mara: User) -> None:
    first, _ = started(plan, ola)

    correct(first, mara, job=plan("4713"))

    assert runs() == [("4713", at("08:00"), at("10:00")), ("4712", at("10:00"), None)]
    detail = AuditEntry.objects.get(action="job.correct").detail
    assert (detail["before"]["job"], detail["after"]["job"]) == ("4711", "4713")


def test_a_run_that_nobody_tapped_is_added_where_nothing_ran(plan: Callable[..., Job], ola: User, mara: User) -> None:
    job = plan("4710")
    started(plan, ola)

    add_run(job, started_at=at("06:30"), ended_at=at("08:00"), reason="Forgotten.", by=mara, now=NOW)
    with pytest.raises(ImpossibleJobTime, match="Job 4711 ran"), transaction.atomic():
        add_run(job, started_at=at("06:00"), ended_at=at("08:01"), reason="Forgotten.", by=mara, now=NOW)

    assert runs()[0] == ("4710", at("06:30"), at("08:00"))
    assert AuditEntry.objects.get(action="job.add_run").detail["after"]["job"] == "4710"
    assert FactsChange.objects.order_by("-version")[0].since == at("06:30")


@pytest.mark.parametrize("start", ["09:10", "11:20"])
def test_the_job_before_ends_where_the_next_one_really_began(
    plan: Callable[..., Job], ola: User, mara: User, start: str
) -> None:
    _, second = started(plan, ola)

    correct(second, mara, started_at=at(start))

    assert runs() == [("4711", at("08:00"), at(start)), ("4712", at(start), None)]
    assert FactsChange.objects.order_by("-version")[0].since == min(at(start), at("10:00"))


def test_what_cannot_have_been_is_refused_in_words_and_nothing_changes(
    plan: Callable[..., Job], ola: User, mara: User
) -> None:
    first, second = started(plan, ola)
    elsewhere = create_job(make_line("L-ROLL"), "4720", second.job.product, 5, by=mara, now=at("05:00"))
    before = runs()

    for otherwise, words in (
        ({"started_at": at("08:00")}, "Job 4711 ran from .* Correct that first"),
        ({"started_at": at("12:01")}, "started in the future"),
        ({"ended_at": at("09:59")}, "end must be later"),
        ({"job": elsewhere}, "planned on"),
        ({"reason": " "}, "Say why"),
    ):
        with pytest.raises(JobRefused, match=words), transaction.atomic():
            correct(second, mara, **otherwise)
    with pytest.raises(JobRefused, match="Job 4712 ran from"), transaction.atomic():
        correct(first, mara, ended_at=at("10:01"))

    assert runs() == before


def test_a_manager_puts_a_run_right_over_the_api_and_an_operator_does_not(
    plan: Callable[..., Job], ola: User, mara: User
) -> None:
    _, second = started(plan, ola)
    plan("4713")
    with time_machine.travel(NOW, tick=False):
        refused = post(ola, f"job-runs/{second.pk}/correct", job="4713", reason="Wrong tap.")
        silent = post(mara, f"job-runs/{second.pk}/correct", job="4713")
        unknown = post(mara, f"job-runs/{second.pk}/correct", job="4799", reason="Wrong tap.")
        corrected = post(mara, f"job-runs/{second.pk}/correct", job="4713", reason="Wrong tap.")
        gone = post(mara, f"job-runs/{second.pk}/take-back", reason="Wrong tap.")
        again = post(mara, f"job-runs/{second.pk}/take-back", reason="Wrong tap.")
        early = {"started_at": at("06:30").isoformat(), "ended_at": at("07:00").isoformat()}
        added = post(mara, "job-runs", job="4713", **early, reason="Forgotten.")

    statuses = [answer.status_code for answer in (refused, silent, unknown, corrected, gone, again, added)]
    assert statuses == [403, 422, 422, 200, 200, 404, 201]
    assert (corrected.json()["number"], corrected.json()["runs"][0]["id"]) == ("4713", second.pk)
    assert (gone.json()["status"], added.json()["status"]) == ("planned", "ended")
    assert runs() == [("4713", at("06:30"), at("07:00")), ("4711", at("08:00"), None)]


def test_a_manager_puts_a_run_right_in_the_administration(plan: Callable[..., Job], ola: User, mara: User) -> None:
    _, second = started(plan, ola)
    office, page = client(mara), f"/admin/floor/jobrun/{second.pk}/change/"
    form = {
        "job": str(second.job_id), "started_at_0": "2026-11-20", "started_at_1": "09:30", "ended_at_0": "",
        "ended_at_1": "", "reason": "It began earlier.",
    }  # fmt: skip
    with time_machine.travel(NOW, tick=False):
        refused = office.post(page, {**form, "started_at_1": "08:00"})
        moved = office.post(page, form)
        assert "Correct that first" in refused.content.decode()
        assert (moved.status_code, runs()[1]) == (302, ("4712", at("09:30"), None))
        gone = office.post(page, {**form, "never_ran": "on"})
        early = {"started_at_1": "06:30", "ended_at_0": "2026-11-20", "ended_at_1": "07:00"}
        added = office.post("/admin/floor/jobrun/add/", {**form, **early})

    assert (gone.status_code, added.status_code) == (302, 302)
    assert runs() == [("4712", at("06:30"), at("07:00")), ("4711", at("08:00"), None)]
    said = AuditEntry.objects.filter(actor=mara, target_type="floor.jobrun").order_by("pk")
    assert list(said.values_list("action", flat=True)) == ["job.correct", "job.take_back", "job.add_run"]


# ---------------------------------------------------------------- over the API


def client(user: User) -> Client:
    found = Client()
    found.force_login(user)
    return found


def post(user: User, path: str, **body: object) -> Any:
    return client(user).post(f"/api/v1/{path}", body, content_type="application/json")


def test_a_job_is_planned_started_and_ended_over_the_api(line: Line, white: Product, mara: User, ola: User) -> None:
    planned = post(
        mara, "jobs", number="4711", line="L-BAG1", product="WHITE", planned_quantity=500, ideal_cycle_s=0.45
    )
    started = post(ola, "jobs/4711/start")
    listed = client(ola).get("/api/v1/jobs", {"line": "L-BAG1", "status": "running"}).json()
    ended = post(ola, "jobs/4711/end")

    assert (planned.status_code, started.status_code, ended.status_code) == (201, 200, 200)
    assert (planned.json()["status"], planned.json()["ideal_cycle_s"]) == ("planned", 0.45)
    assert (started.json()["status"], started.json()["runs"][0]["started_by"]) == ("running", "ola")
    assert [row["number"] for row in listed["results"]] == ["4711"]
    assert ended.json()["status"] == "ended"
    assert client(ola).get("/api/v1/jobs/4711").json() == ended.json()


def test_the_api_says_no_in_words(line: Line, white: Product, mara: User, ola: User) -> None:
    body = {"number": "4711", "line": "L-BAG1", "product": "WHITE", "planned_quantity": 500}
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    post(mara, "jobs", **body)

    answers = [
        post(ola, "jobs", **body),
        post(mara, "jobs", **{**body, "number": "4712", "product": "STONE"}),
        post(mara, "jobs", **body),
        post(ola, "jobs/4711/start", started_at=later),
        post(ola, "jobs/4711/end"),
        post(ola, "jobs/4799/start"),
    ]

    assert [(answer.status_code, answer.json()["message"]) for answer in answers] == [
        (403, "Your role may not assign jobs."),
        (422, "Some values are not acceptable; see details."),
        (409, "Job 4711 is there already, on L-BAG1."),
        (422, "A job cannot be started in the future."),
        (409, "Job 4711 has not been started."),
        (404, "There is no such job."),
    ]
    assert answers[1].json()["details"] == {"product": ["There is no product STONE."]}


# ---------------------------------------------------------------- in the administration


def test_a_manager_plans_a_job_in_the_administration_and_is_told_what_cannot_be(
    line: Line, white: Product, mara: User
) -> None:
    form = {
        "number": "4711", "line": str(line.pk), "product": str(white.pk), "planned_quantity": "500",
        "due_at_0": "", "due_at_1": "", "ideal_cycle_ms": "450", "runs-TOTAL_FORMS": "0", "runs-INITIAL_FORMS": "0",
    }  # fmt: skip
    office = client(mara)

    assert office.post("/admin/floor/job/add/", form).status_code == 302
    again = office.post("/admin/floor/job/add/", form)

    job = Job.objects.get()
    assert (job.number, job.created_by, job.ideal_cycles.get().ideal_cycle_ms) == ("4711", mara, 450)
    assert "Job 4711 is there already, on L-BAG1." in again.content.decode()


def test_the_administration_shows_when_a_job_ran_and_lets_its_quantity_change(
    plan: Callable[..., Job], mara: User
) -> None:
    job = plan("4711")
    start_job(job, by=mara, now=NOW)
    office, page = client(mara), f"/admin/floor/job/{job.pk}/change/"

    shown = office.get(page).content.decode()
    form = {"planned_quantity": "900", "due_at_0": "", "due_at_1": "", "ideal_cycle_ms": ""}
    saved = office.post(page, {**form, "runs-TOTAL_FORMS": "0", "runs-INITIAL_FORMS": "0"})

    assert "Nov. 20, 2026" in shown
    assert saved.status_code == 302
    assert Job.objects.get().planned_quantity == 900
