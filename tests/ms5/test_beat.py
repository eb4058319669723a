"""The clock that starts whatever is due again and again."""

from pathlib import Path

import pytest
from celery.beat import ScheduleEntry

from ms5.beat import Scheduler
from ms5.celery import app


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("name", sorted(app.conf.beat_schedule))
def test_whatever_is_due_is_handed_to_a_worker(name: str, tmp_path: Path) -> None:
    app.loader.import_default_modules()  # as every process of Celery does when it starts
    scheduler = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    entry: ScheduleEntry = scheduler.schedule[name]

    handed_over = scheduler.apply_async(entry, advance=False)

    with app.connection_for_read() as connection, connection.SimpleQueue(handed_over_to(entry)) as queue:
        taken = queue.get(timeout=5)
        taken.ack()
        assert taken.headers["id"] == handed_over.id


def handed_over_to(entry: ScheduleEntry) -> str:
    return str(app.amqp.router.route({}, str(entry.task))["queue"].name)
