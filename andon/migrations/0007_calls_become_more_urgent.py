from django.db import migrations, models

WHATS = (
    *("raised", "acknowledged", "transferred", "arrived", "noted", "priority", "photo", "resolved", "rejected"),
    *("reopened", "cancelled", "escalated", "reminded", "inherited", "repeated", "cleared", "shelved", "unshelved"),
)


class Migration(migrations.Migration):
    dependencies = [("andon", "0006_given_up_messages_are_found_at_once")]

    operations = [
        migrations.AlterField(
            model_name="callevent",
            name="what",
            field=models.CharField(choices=[(what, what.title()) for what in WHATS], max_length=12),
        ),
    ]
