import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("floor", "0005_standards"),
    ]

    operations = [
        migrations.CreateModel(
            name="CounterEventTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("first", "first"),
                            ("wrap", "wrap"),
                            ("reset", "reset"),
                            ("glitch", "glitch"),
                            ("gap", "gap"),
                            ("quarantine", "quarantine"),
                        ],
                        max_length=10,
                    ),
                ),
                ("dropped", models.BigIntegerField()),
                (
                    "equipment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="counter_event_tallies",
                        to="floor.equipment",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("equipment", "kind"), name="one_tally_per_kind")],
            },
        ),
    ]
