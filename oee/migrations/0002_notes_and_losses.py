"""What people say beside the reason of a stop, finer losses, and loss classes with a date.

Derived rows are emptied: the next fold makes them again from the facts, as it does after any loss of them.
"""

import datetime
import uuid

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

EMPTY_DERIVED = """
TRUNCATE oee_ledgerentry, oee_hourtotals, oee_stop;
UPDATE oee_linederived SET seen_version = 0;
"""
KEEP_CLASSES = """
INSERT INTO oee_reasonclass (reason_id, loss_class, valid_from)
SELECT code, CASE
    WHEN code = 'CHANGEOVER' AND loss_class = 'planned' THEN 'setup'
    WHEN code IN ('UPSTREAM_STOP', 'DOWNSTREAM_STOP') AND loss_class <> 'planned' THEN 'external'
    WHEN loss_class = 'planned' THEN 'planned' ELSE 'failure' END, '2000-01-01+00'
FROM oee_stopreason;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("floor", "0004_calendars"),
        ("oee", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(EMPTY_DERIVED, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="CountEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("comment", models.CharField(blank=True, max_length=1000)),
                ("made_at", models.DateTimeField()),
                ("request_id", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                (
                    "sort",
                    models.CharField(
                        choices=[
                            ("manual", "Counted by hand"),
                            ("scrap", "Scrap"),
                            ("start_up", "Start-up scrap"),
                            ("rework", "Rework"),
                        ],
                        max_length=8,
                    ),
                ),
                ("product_number", models.IntegerField(default=-1)),
                ("made", models.PositiveIntegerField(default=0)),
                ("rejected", models.PositiveIntegerField(default=0)),
                ("defect", models.CharField(blank=True, max_length=60)),
            ],
            options={
                "verbose_name_plural": "count entries",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Countermeasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField(help_text="Start of the hour, or of the shift that begins inside it.")),
                ("text", models.CharField(max_length=300)),
                ("who", models.CharField(blank=True, help_text="Who does it.", max_length=60)),
                ("made_at", models.DateTimeField()),
                ("request_id", models.UUIDField(unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="HourLoss",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("work_date", models.DateField()),
                ("starts_at", models.DateTimeField(help_text="Of the hour totals that it is part of.")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("break", "break"),
                            ("minor", "minor"),
                            ("failure", "failure"),
                            ("external", "external"),
                            ("setup", "setup"),
                            ("planned", "planned"),
                            ("idle", "idle"),
                        ],
                        max_length=8,
                    ),
                ),
                ("lost_ms", models.IntegerField()),
                ("events", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="HourSignOff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("made_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ManualStop",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("comment", models.CharField(blank=True, max_length=1000)),
                ("made_at", models.DateTimeField()),
                ("request_id", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PlannedStop",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("comment", models.CharField(blank=True, max_length=1000)),
                ("made_at", models.DateTimeField()),
                ("request_id", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                ("expected_s", models.PositiveIntegerField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="QuarantineDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("counter", models.CharField(choices=[("made", "made"), ("rejected", "rejected")], max_length=8)),
                ("at", models.DateTimeField()),
                ("parts", models.PositiveIntegerField()),
                ("is_accepted", models.BooleanField()),
                ("comment", models.CharField(max_length=1000)),
                ("made_at", models.DateTimeField()),
                ("request_id", models.UUIDField(unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="ReasonClass",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "loss_class",
                    models.CharField(
                        choices=[
                            ("failure", "Unplanned stop"),
                            ("external", "Starved or blocked"),
                            ("setup", "Changeover or adjustment"),
                            ("planned", "Planned stop"),
                            ("idle", "Nothing to make"),
                        ],
                        max_length=10,
                    ),
                ),
                ("valid_from", models.DateTimeField()),
            ],
            options={
                "verbose_name": "loss class of a reason",
                "verbose_name_plural": "loss classes of reasons",
            },
        ),
        migrations.CreateModel(
            name="Restatement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("as_of", models.DateTimeField()),
                ("reason", models.CharField(max_length=300)),
                ("made_at", models.DateTimeField()),
                ("before", models.JSONField(default=dict, help_text="Totals of the stretch as they stood before.")),
                ("after", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="StopConfirmation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stop_started_at", models.DateTimeField()),
                ("comment", models.CharField(blank=True, max_length=1000)),
                ("made_at", models.DateTimeField()),
                ("request_id", models.UUIDField(unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="StopMerge",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("comment", models.CharField(blank=True, max_length=1000)),
                ("made_at", models.DateTimeField()),
                ("request_id", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                ("run_is_stop", models.BooleanField(default=False)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.RemoveConstraint(
            model_name="hourtotals",
            name="hour_is_accounted_for",
        ),
        migrations.RemoveField(
            model_name="ledgerentry",
            name="is_minor",
        ),
        migrations.RemoveField(
            model_name="ledgerentry",
            name="planned",
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="busy_ms",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="external_stop_ms",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="failures",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="ideal_startup_ms",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="idle_ms",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="minor_stops",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="operating_ms",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="product_number",
            field=models.IntegerField(default=-1),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="reworked",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="setup_ms",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hourtotals",
            name="team",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                blank=True,
                choices=[
                    ("break", "break"),
                    ("minor", "minor"),
                    ("failure", "failure"),
                    ("external", "external"),
                    ("setup", "setup"),
                    ("planned", "planned"),
                    ("idle", "idle"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="linepolicy",
            name="minor_stops_reduce_availability",
            field=models.BooleanField(
                default=False, help_text="On: minor stops are lost availability instead of lost speed."
            ),
        ),
        migrations.AddField(
            model_name="linepolicy",
            name="no_data_is_lost",
            field=models.BooleanField(
                default=False, help_text="On: time that nobody saw counts as planned time without production."
            ),
        ),
        migrations.AddField(
            model_name="stop",
            name="caused_by",
            field=models.ForeignKey(
                help_text="The machine that starved or blocked this one, found by walking along the line.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="floor.equipment",
            ),
        ),
        migrations.AddField(
            model_name="stop",
            name="kind",
            field=models.CharField(
                choices=[
                    ("break", "break"),
                    ("minor", "minor"),
                    ("failure", "failure"),
                    ("external", "external"),
                    ("setup", "setup"),
                    ("planned", "planned"),
                    ("idle", "idle"),
                ],
                default="failure",
                help_text="What its last part is taken for.",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="stop",
            name="coding",
            field=models.ForeignKey(
                help_text="The last thing said about it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="oee.stopcoding",
            ),
        ),
        migrations.AlterField(
            model_name="stopcoding",
            name="reason",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="codings",
                to="oee.stopreason",
            ),
        ),
        migrations.AddConstraint(
            model_name="hourtotals",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "calendar_ms",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    django.db.models.expressions.CombinedExpression(
                                                        django.db.models.expressions.CombinedExpression(
                                                            models.F("run_ms"), "+", models.F("no_data_ms")
                                                        ),
                                                        "+",
                                                        models.F("off_shift_ms"),
                                                    ),
                                                    "+",
                                                    models.F("break_ms"),
                                                ),
                                                "+",
                                                models.F("idle_ms"),
                                            ),
                                            "+",
                                            models.F("planned_stop_ms"),
                                        ),
                                        "+",
                                        models.F("setup_ms"),
                                    ),
                                    "+",
                                    models.F("stop_ms"),
                                ),
                                "+",
                                models.F("external_stop_ms"),
                            ),
                            "+",
                            models.F("minor_stop_ms"),
                        ),
                    )
                ),
                name="hour_is_accounted_for",
            ),
        ),
        migrations.AddConstraint(
            model_name="hourtotals",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("calendar_ms__gte", 0),
                    (
                        "ends_at__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("starts_at"),
                            "+",
                            django.db.models.expressions.CombinedExpression(
                                models.F("calendar_ms"), "*", models.Value(datetime.timedelta(microseconds=1000))
                            ),
                        ),
                    ),
                ),
                name="hour_holds_its_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="linepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("target_availability__gt", 0), ("target_availability__lte", 1)),
                name="target_availability_is_a_share",
            ),
        ),
        migrations.AddConstraint(
            model_name="linepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("target_performance__gt", 0), ("target_performance__lte", 1)),
                name="target_performance_is_a_share",
            ),
        ),
        migrations.AddConstraint(
            model_name="linepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("target_quality__gt", 0), ("target_quality__lte", 1)),
                name="target_quality_is_a_share",
            ),
        ),
        migrations.AddField(
            model_name="countentry",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="countentry",
            name="equipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="count_entries", to="floor.equipment"
            ),
        ),
        migrations.AddField(
            model_name="countentry",
            name="withdrawn_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="countermeasure",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="countermeasure",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="countermeasures", to="floor.line"
            ),
        ),
        migrations.AddField(
            model_name="hourloss",
            name="equipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="losses", to="floor.equipment"
            ),
        ),
        migrations.AddField(
            model_name="hourloss",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="losses", to="floor.line"
            ),
        ),
        migrations.AddField(
            model_name="hourloss",
            name="reason",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="oee.stopreason"
            ),
        ),
        migrations.AddField(
            model_name="hoursignoff",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="hoursignoff",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="hour_sign_offs", to="floor.line"
            ),
        ),
        migrations.AddField(
            model_name="manualstop",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="manualstop",
            name="equipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="manual_stops", to="floor.equipment"
            ),
        ),
        migrations.AddField(
            model_name="manualstop",
            name="withdrawn_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="plannedstop",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="plannedstop",
            name="ended_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="plannedstop",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="planned_stops", to="floor.line"
            ),
        ),
        migrations.AddField(
            model_name="plannedstop",
            name="reason",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="planned_stops", to="oee.stopreason"
            ),
        ),
        migrations.AddField(
            model_name="plannedstop",
            name="withdrawn_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="planned_stop",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="oee.plannedstop"
            ),
        ),
        migrations.AddField(
            model_name="stop",
            name="planned_stop",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="oee.plannedstop"
            ),
        ),
        migrations.AddField(
            model_name="quarantinedecision",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="quarantinedecision",
            name="equipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="quarantine_decisions", to="floor.equipment"
            ),
        ),
        migrations.AddField(
            model_name="reasonclass",
            name="reason",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="classes", to="oee.stopreason"
            ),
        ),
        migrations.AddField(
            model_name="restatement",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="restatements", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="restatement",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="restatements", to="floor.line"
            ),
        ),
        migrations.AddField(
            model_name="stopconfirmation",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="stopconfirmation",
            name="equipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="stop_confirmations", to="floor.equipment"
            ),
        ),
        migrations.AddField(
            model_name="stopmerge",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="stopmerge",
            name="equipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="stop_merges", to="floor.equipment"
            ),
        ),
        migrations.AddField(
            model_name="stopmerge",
            name="withdrawn_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="countentry",
            index=models.Index(fields=["starts_at"], name="countentry_time"),
        ),
        migrations.AddConstraint(
            model_name="countentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="countentry_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="countentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__isnull", False)), name="count_entry_has_an_end"
            ),
        ),
        migrations.AddConstraint(
            model_name="countentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("made__gt", 0), ("rejected__gt", 0), _connector="OR"),
                name="count_entry_counts_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="countentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("sort", "manual"), ("made", 0), _connector="OR"),
                name="only_manual_counts_make_parts",
            ),
        ),
        migrations.AddIndex(
            model_name="countermeasure",
            index=models.Index(fields=["line", "hour", "made_at"], name="countermeasure_hour"),
        ),
        migrations.AddIndex(
            model_name="hourloss",
            index=models.Index(fields=["line", "work_date"], name="losses_by_day"),
        ),
        migrations.AddConstraint(
            model_name="hourloss",
            constraint=models.UniqueConstraint(
                fields=("equipment", "starts_at", "kind", "reason"),
                name="one_loss_per_hour_and_reason",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="hoursignoff",
            constraint=models.UniqueConstraint(fields=("line", "hour"), name="one_sign_off_per_hour"),
        ),
        migrations.AddIndex(
            model_name="manualstop",
            index=models.Index(fields=["starts_at"], name="manualstop_time"),
        ),
        migrations.AddConstraint(
            model_name="manualstop",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="manualstop_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="manualstop",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__isnull", False)), name="manual_stop_has_an_end"
            ),
        ),
        migrations.AddIndex(
            model_name="plannedstop",
            index=models.Index(fields=["starts_at"], name="plannedstop_time"),
        ),
        migrations.AddConstraint(
            model_name="plannedstop",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="plannedstop_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="plannedstop",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ends_at", None), ("withdrawn_at", None)),
                fields=("line",),
                name="one_open_planned_stop",
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantinedecision",
            constraint=models.UniqueConstraint(
                fields=("equipment", "counter", "at"), name="one_decision_per_quarantine"
            ),
        ),
        migrations.AddConstraint(
            model_name="reasonclass",
            constraint=models.UniqueConstraint(fields=("reason", "valid_from"), name="one_class_at_a_time"),
        ),
        migrations.AddConstraint(
            model_name="reasonclass",
            constraint=models.CheckConstraint(
                condition=models.Q(("loss_class__in", ["failure", "external", "setup", "planned", "idle"])),
                name="loss_class_known",
            ),
        ),
        migrations.AddIndex(
            model_name="restatement",
            index=models.Index(fields=["line", "starts_at"], name="restatement_time"),
        ),
        migrations.AddConstraint(
            model_name="restatement",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="restatement_covers_something"
            ),
        ),
        migrations.AddIndex(
            model_name="stopconfirmation",
            index=models.Index(fields=["equipment", "stop_started_at", "made_at"], name="confirmation_of_stop"),
        ),
        migrations.AddIndex(
            model_name="stopmerge",
            index=models.Index(fields=["starts_at"], name="stopmerge_time"),
        ),
        migrations.AddConstraint(
            model_name="stopmerge",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="stopmerge_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="stopmerge",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__isnull", False)), name="stop_merge_has_an_end"
            ),
        ),
        migrations.RunSQL(KEEP_CLASSES, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="stopreason",
            name="loss_class_known",
        ),
        migrations.RemoveField(
            model_name="stopreason",
            name="loss_class",
        ),
    ]
