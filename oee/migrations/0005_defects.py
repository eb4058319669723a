from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("oee", "0004_standards"),
    ]

    operations = [
        migrations.CreateModel(
            name="DefectReason",
            fields=[
                ("code", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("label", models.CharField(max_length=60)),
                (
                    "sort",
                    models.CharField(
                        choices=[("scrap", "Scrap"), ("start_up", "Start-up scrap"), ("rework", "Rework")],
                        default="scrap",
                        max_length=8,
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("enabled", models.BooleanField(default=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("sort__in", ["scrap", "start_up", "rework"])), name="defect_sort_known"
                    )
                ],
            },
        ),
    ]
