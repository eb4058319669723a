# ruff: noqa: E501
"""Words of the standards in admin, and a restatement that is asked for twice is one."""

import django.core.validators
from django.db import migrations, models

import oee.models.policy


class Migration(migrations.Migration):
    dependencies = [
        ("oee", "0003_hours_are_tiled"),
    ]

    operations = [
        migrations.AddField(
            model_name="restatement",
            name="request_id",
            field=models.UUIDField(blank=True, null=True, unique=True),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="micro_stop_s",
            field=models.PositiveIntegerField(
                default=120,
                help_text="Shorter stops are minor stops: lost speed, not lost availability. 0: there are none.",
                validators=[
                    django.core.validators.MaxValueValidator(
                        3600, "A stop of an hour is not minor. Enter at most 3600 seconds."
                    )
                ],
                verbose_name="minor stops are shorter than (s)",
            ),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="minor_stops_reduce_availability",
            field=models.BooleanField(
                default=False,
                help_text="On: minor stops are lost availability. Off: they are lost speed, and lower performance instead. OEE is the same either way.",
            ),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="no_data_is_lost",
            field=models.BooleanField(
                default=False,
                help_text="On: time that nobody saw counts as planned time without production. Off: it is left out, and all ratios stand for the time that was observed.",
            ),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="planned_stops_reduce_availability",
            field=models.BooleanField(
                default=True,
                help_text="On: cleaning, changeovers and other planned stops are planned time that was lost. Off: they are taken out of the planned time, and availability is that of the rest.",
            ),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="slow_below",
            field=models.FloatField(
                default=0.9,
                help_text="Share of the ideal speed below which a line is slow.",
                validators=[oee.models.policy.is_share],
            ),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="target_availability",
            field=models.FloatField(default=0.9, validators=[oee.models.policy.is_share]),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="target_performance",
            field=models.FloatField(default=0.85, validators=[oee.models.policy.is_share]),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="target_quality",
            field=models.FloatField(default=0.95, validators=[oee.models.policy.is_share]),
        ),
        migrations.AlterField(
            model_name="linepolicy",
            name="valid_from",
            field=models.DateTimeField(
                help_text="A shift is judged by the policy under which it began, so its figures follow with the next shift; a stop is minor or not by the policy under which it began."
            ),
        ),
        migrations.AlterField(
            model_name="stopreason",
            name="enabled",
            field=models.BooleanField(default=True, help_text="Off: it is not offered any more; the past keeps it."),
        ),
        migrations.AlterField(
            model_name="stopreason",
            name="group",
            field=models.CharField(
                help_text="Reasons of one group stand together; at most eight groups.", max_length=30
            ),
        ),
        migrations.AlterField(
            model_name="stopreason",
            name="position",
            field=models.PositiveSmallIntegerField(default=0, help_text="Place on the screens, smallest first."),
        ),
    ]
