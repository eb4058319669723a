"""The jobs of the demo plant: made for days that never were, from what its machines counted."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils import timezone

from floor.actions.jobs import import_jobs
from floor.models import IdealCycle, Job, JobRun, Line, Product, ProductNumber
from floor.models.people import Role
from ms5.history import make_history
from ms5.past_notes import job_runs, people
from oee.actions.check import differences
from oee.rows import primary_machine
from oee.tiles import job_tile
from oee.tiles.job import made_of
from tests.factories import make_user
from tests.oee.stage import at, make_stage

pytestmark = pytest.mark.django_db


def test_every_line_of_the_demo_has_worked_off_jobs_and_runs_one(settings: LazySettings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    call_command("load_plant", Path(settings.BASE_DIR) / "plc/simulator/demo_plant.yaml", verbosity=0)
    for role in (Role.OPERATOR, Role.SHIFT_MANAGER, Role.MAINTENANCE):
        make_user(role.value, role)
    now = timezone.now()

    make_history(days=1, seed=7, now=now, tell=lambda share: None)

    for line in Line.objects.on_screen():
        runs, machine = (
            list(JobRun.objects.filter(line=line).order_by("started_at").select_related("job")),
            primary_machine(line),
        )
        assert machine is not None
        assert [run.ended_at is None for run in runs] == [False] * (len(runs) - 1) + [True]
        assert all(earlier.ended_at == later.started_at for earlier, later in pairwise(runs))
        for run in runs[:-1]:
            assert made_of(run.job_id, machine) == pytest.approx(run.job.planned_quantity, rel=0.1, abs=200)
        tile = job_tile(line, now)
        assert tile is not None
        assert 0 < tile.made < tile.planned
        assert tile.due_at is not None
        assert tile.due_at > now, "its due time fits what is left"
        assert Job.objects.filter(line=line, runs=None).count() <= 2
        assert not differences(line)
    assert IdealCycle.objects.filter(job__isnull=False).exists(), "some jobs bring a pace of their own"


@pytest.mark.parametrize("before", [7, 9])
def test_a_minute_in_which_the_product_changed_ends_one_job_and_begins_the_next(before: int) -> None:
    stage, after = make_stage(), 16 - before
    for number in (7, 9):
        product = Product.objects.create(code=f"P{number}", name=f"Bread {number}")
        ProductNumber.objects.create(line=stage.line, number=number, product=product)
    for minute in range(3):
        stage.makes(at("06:00") + timedelta(minutes=minute), 40, product_number=before)
        stage.makes(at("06:02") + timedelta(minutes=minute), 40, product_number=after)
    for role in (Role.OPERATOR, Role.SHIFT_MANAGER, Role.MAINTENANCE):
        make_user(role.value, role)
    who = people()
    assert who is not None

    runs = job_runs(stage.line, at("06:10"), who, Random(7))
    import_jobs(runs)

    assert [(run.job.product.code, run.started_at, run.ended_at) for run in runs] == [
        (f"P{before}", at("06:00"), at("06:02")),
        (f"P{after}", at("06:02"), None),
    ]
