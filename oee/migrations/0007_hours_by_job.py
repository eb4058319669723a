import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("floor", "0007_jobs"),
        ("oee", "0006_analysis"),
    ]

    operations = [
        migrations.AddField(
            model_name="hourtotals",
            name="job",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="hours",
                to="floor.job",
            ),
        ),
        migrations.AddIndex(
            model_name="hourtotals",
            index=models.Index(
                condition=models.Q(("job__isnull", False)), fields=["job", "equipment"], name="hours_of_job"
            ),
        ),
    ]
