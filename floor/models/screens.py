"""The screens of the floor, as they last told of themselves."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from floor.models.people import User

SEEN_WITHIN = timedelta(seconds=90)  # a screen tells of itself every half a minute


class ScreenQuerySet(models.QuerySet["Screen"]):
    def seen(self, now: datetime) -> Self:
        return self.filter(at__gt=now - SEEN_WITHIN)

    def unheard(self, now: datetime) -> Self:
        """Those that are on, and mute."""
        return self.seen(now).filter(sound=Screen.Sound.OFF).order_by("off_since", "id")


class Screen(models.Model):
    """A browser that shows a page which sounds: a board, or a kiosk."""

    class Sound(models.TextChoices):
        ON = "on"
        UNTRIED = "untried"
        OFF = "off"

    id = models.UUIDField(primary_key=True, editable=False, help_text="Chosen by the browser, and kept there.")
    name = models.CharField(max_length=60, blank=True, help_text="What people call it, for example: wall of hall 2.")
    is_watched = models.BooleanField(
        "watched", default=False, help_text="It must be lit and heard: the watchdog says when it is not."
    )
    shows = models.CharField(max_length=120, editable=False)
    address = models.CharField(max_length=200, editable=False)
    person = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", editable=False)
    sound = models.CharField(max_length=10, choices=Sound.choices, editable=False)
    off_since = models.DateTimeField(null=True, editable=False, help_text="Since when it cannot be heard.")
    width = models.PositiveSmallIntegerField(editable=False)
    height = models.PositiveSmallIntegerField(editable=False)
    since = models.DateTimeField(db_default=Now(), editable=False, help_text="Its first sign of life.")
    at = models.DateTimeField(editable=False, help_text="Its last sign of life.")

    objects = ScreenQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="screen_is_off_since",
                condition=Q(sound="off", off_since__isnull=False) | (~Q(sound="off") & Q(off_since=None)),
            ),
        ]
        ordering = ["name", "shows", "id"]

    def __str__(self) -> str:
        return self.name or (f"{self.shows} ({self.person})" if self.person else self.shows)
