from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("andon", "0005_machines_call_and_are_shelved")]

    operations = [
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("failed_at__isnull", False)), fields=["failed_at"], name="message_given_up"
            ),
        ),
    ]
