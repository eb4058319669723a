"""The Celery application and the one table of things that happen by themselves."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ms5.settings")

app = Celery("ms5")
# By name, so that importing ms5 does not yet read the settings: the starter runs before they are complete.
app.config_from_object("ms5.settings:CELERY")
app.autodiscover_tasks(["floor", "andon", "oee", "plc", "reports"])

app.conf.beat_scheduler = "ms5.beat:Scheduler"

app.conf.task_routes = {
    "plc.tasks.*": {"queue": "plc"},
    "reports.tasks.*": {"queue": "reports"},
}

# Every entry asks the database what is due: a missed or doubled tick is harmless.
# `expires` keeps ticks that piled up while a worker was away from running one after the other.
app.conf.beat_schedule = {
    "say that the worker lives": {
        "task": "floor.tasks.sign_of_life",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "fold new facts into stops, ledger and totals": {
        "task": "oee.tasks.rebuild_dirty",
        "schedule": 1.0,
        "options": {"expires": 2},
    },
    "end planned stops that somebody forgot to end": {
        "task": "oee.tasks.end_forgotten_planned_stops",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "find a reader for every controller": {
        "task": "plc.tasks.supervise",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "make the reports of shifts that have ended": {
        "task": "reports.tasks.start_due",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "reconcile booked parts with the counters": {
        "task": "floor.tasks.reconcile_counts",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "tidy up figures": {
        "task": "oee.tasks.tidy",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "tidy up readings": {
        "task": "floor.tasks.tidy",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}
