"""The migrations are complete, can be run from nothing, and take no lock longer than they must."""

import io

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

OURS = ("floor", "andon", "oee", "plc", "reports")


@pytest.mark.django_db
def test_no_model_has_changed_without_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, stdout=io.StringIO())


@pytest.mark.django_db
def test_every_migration_has_been_applied_by_the_time_tests_run() -> None:
    loader = MigrationLoader(connection)
    assert {key for key in loader.graph.nodes if key[0] in OURS} <= set(loader.applied_migrations)


def test_each_app_has_one_way_forward() -> None:
    assert not MigrationLoader(None).detect_conflicts()


def test_migrations_are_named_for_what_they_do() -> None:
    names = [name for app, name in MigrationLoader(None, ignore_no_migrations=True).graph.nodes if app in OURS]
    assert not [name for name in names if "_auto_" in name]


@pytest.mark.django_db
def test_every_table_of_a_model_exists() -> None:
    tables = set(connection.introspection.table_names())
    models = [model for app in OURS for model in apps.get_app_config(app).get_models()]
    assert [model._meta.db_table for model in models if model._meta.db_table not in tables] == []
