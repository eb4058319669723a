import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("floor", "0010_who_works_which_shift"),
    ]

    operations = [
        migrations.CreateModel(
            name="Screen",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        editable=False,
                        help_text="Chosen by the browser, and kept there.",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True, help_text="What people call it, for example: wall of hall 2.", max_length=60
                    ),
                ),
                (
                    "is_watched",
                    models.BooleanField(
                        default=False,
                        help_text="It must be lit and heard: the watchdog says when it is not.",
                        verbose_name="watched",
                    ),
                ),
                ("shows", models.CharField(editable=False, max_length=120)),
                ("address", models.CharField(editable=False, max_length=200)),
                (
                    "sound",
                    models.CharField(
                        choices=[("on", "On"), ("untried", "Untried"), ("off", "Off")], editable=False, max_length=10
                    ),
                ),
                (
                    "off_since",
                    models.DateTimeField(editable=False, help_text="Since when it cannot be heard.", null=True),
                ),
                ("width", models.PositiveSmallIntegerField(editable=False)),
                ("height", models.PositiveSmallIntegerField(editable=False)),
                (
                    "since",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="Its first sign of life.",
                    ),
                ),
                ("at", models.DateTimeField(editable=False, help_text="Its last sign of life.")),
                (
                    "person",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name", "shows", "id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("off_since__isnull", False), ("sound", "off")),
                            models.Q(models.Q(("sound", "off"), _negated=True), ("off_since", None)),
                            _connector="OR",
                        ),
                        name="screen_is_off_since",
                    )
                ],
            },
        ),
    ]
