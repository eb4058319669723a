import uuid

import django.contrib.postgres.constraints
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models

import floor.models.plant

ON_ITS_LINE = """
ALTER TABLE floor_jobrun ADD CONSTRAINT job_run_on_the_line_of_its_job
FOREIGN KEY (job_id, line_id) REFERENCES floor_job (id, line_id) DEFERRABLE INITIALLY DEFERRED
"""


class Migration(migrations.Migration):
    dependencies = [
        ("floor", "0006_counter_event_tally"),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "number",
                    models.CharField(
                        help_text="The number of the order, as it is on paper.", max_length=40, unique=True
                    ),
                ),
                (
                    "planned_quantity",
                    models.PositiveIntegerField(
                        help_text="Good units to be made.", validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("request_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="JobRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("request_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="idealcycle",
            name="one_ideal_cycle_at_a_time",
        ),
        migrations.AddField(
            model_name="job",
            name="created_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="line",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="jobs", to="floor.line"),
        ),
        migrations.AddField(
            model_name="job",
            name="product",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="jobs", to="floor.product"
            ),
        ),
        migrations.AddField(
            model_name="idealcycle",
            name="job",
            field=models.ForeignKey(
                blank=True,
                help_text="Only while this job runs, and for its product. It has its line already.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="ideal_cycles",
                to="floor.job",
            ),
        ),
        migrations.AddConstraint(
            model_name="idealcycle",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("job", None), models.Q(("equipment", None), ("line", None), ("product", None)), _connector="OR"
                ),
                name="ideal_cycle_of_a_job_is_its_own",
                violation_error_message="A job has its line and its product already. Leave the others empty.",
            ),
        ),
        migrations.AddConstraint(
            model_name="idealcycle",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (
                        django.db.models.functions.comparison.Coalesce(
                            "line", models.Value(uuid.UUID("00000000-0000-0000-0000-000000000000"), models.UUIDField())
                        ),
                        "=",
                    ),
                    (
                        django.db.models.functions.comparison.Coalesce(
                            "equipment",
                            models.Value(uuid.UUID("00000000-0000-0000-0000-000000000000"), models.UUIDField()),
                        ),
                        "=",
                    ),
                    (
                        django.db.models.functions.comparison.Coalesce(
                            "product",
                            models.Value(uuid.UUID("00000000-0000-0000-0000-000000000000"), models.UUIDField()),
                        ),
                        "=",
                    ),
                    (
                        django.db.models.functions.comparison.Coalesce(
                            "job", models.Value(uuid.UUID("00000000-0000-0000-0000-000000000000"), models.UUIDField())
                        ),
                        "=",
                    ),
                    (floor.models.plant.TsTzRange("valid_from", "valid_to"), "&&"),
                ],
                name="one_ideal_cycle_at_a_time",
                violation_error_message="Another ideal cycle holds for the same at the same time.",
            ),
        ),
        migrations.AddField(
            model_name="jobrun",
            name="ended_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="jobrun",
            name="job",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="floor.job"),
        ),
        migrations.AddField(
            model_name="jobrun",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="job_runs", to="floor.line"
            ),
        ),
        migrations.AddField(
            model_name="jobrun",
            name="started_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["line", "due_at"], name="jobs_by_due"),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(fields=("id", "line"), name="job_on_its_line"),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.CheckConstraint(
                condition=models.Q(("planned_quantity__gt", 0)), name="job_plans_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.CheckConstraint(
                condition=models.Q(("number", ""), _negated=True), name="job_has_a_number"
            ),
        ),
        migrations.AddIndex(
            model_name="jobrun",
            index=models.Index(fields=["line", "-started_at"], name="job_runs_by_time"),
        ),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at", None), ("ended_at__gt", models.F("started_at")), _connector="OR"),
                name="job_run_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[("line", "="), (floor.models.plant.TsTzRange("started_at", "ended_at"), "&&")],
                name="one_job_at_a_time",
                violation_error_message="Another job ran on this line at that time.",
            ),
        ),
        migrations.RunSQL(ON_ITS_LINE, migrations.RunSQL.noop),
    ]
