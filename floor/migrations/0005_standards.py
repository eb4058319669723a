"""Two ideal cycles of the same key never hold at the same time."""

import uuid

import django.contrib.postgres.constraints
import django.db.models.functions.comparison
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

import floor.models.plant

ANY = models.Value(uuid.UUID(int=0), models.UUIDField())

# The later of two that overlapped was the one that held.
ENDED_BY_THE_NEXT = """
UPDATE floor_idealcycle AS cycle SET valid_to = following.starts
FROM (SELECT id, lead(valid_from) OVER (PARTITION BY line_id, equipment_id, product_id ORDER BY valid_from) AS starts
      FROM floor_idealcycle) AS following
WHERE following.id = cycle.id AND (cycle.valid_to IS NULL OR cycle.valid_to > following.starts)
    AND following.starts IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("floor", "0004_calendars")]

    operations = [
        BtreeGistExtension(),
        migrations.RemoveConstraint(model_name="idealcycle", name="ideal_cycle_positive"),
        migrations.RemoveConstraint(model_name="idealcycle", name="one_ideal_cycle_at_a_time"),
        migrations.RunSQL(ENDED_BY_THE_NEXT, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="idealcycle",
            name="ideal_cycle_ms",
            field=models.PositiveIntegerField(
                help_text="Shortest time for one unit, in ms; the speed at which nothing is lost.",
                validators=[floor.models.plant.is_possible_cycle],
            ),
        ),
        migrations.AddConstraint(
            model_name="idealcycle",
            constraint=models.CheckConstraint(
                condition=models.Q(("ideal_cycle_ms__gt", 0), ("ideal_cycle_ms__lte", 3600000)),
                name="ideal_cycle_possible",
                violation_error_message="An ideal cycle is more than 0 ms and at most one hour per unit.",
            ),
        ),
        migrations.AddConstraint(
            model_name="idealcycle",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (django.db.models.functions.comparison.Coalesce("line", ANY), "="),
                    (django.db.models.functions.comparison.Coalesce("equipment", ANY), "="),
                    (django.db.models.functions.comparison.Coalesce("product", ANY), "="),
                    (floor.models.plant.TsTzRange("valid_from", "valid_to"), "&&"),
                ],
                name="one_ideal_cycle_at_a_time",
                violation_error_message="Another ideal cycle holds for the same at the same time.",
            ),
        ),
    ]
