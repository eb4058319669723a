import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("floor", "0008_faults_have_a_category")]

    operations = [
        migrations.AddField(
            model_name="heartbeat",
            name="since",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), help_text="Its first sign of life."
            ),
        ),
    ]
