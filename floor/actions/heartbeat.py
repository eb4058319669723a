"""Signs of life of our own processes."""

from datetime import datetime, timedelta

from floor.models import Heartbeat


def beat(component: str, instance: str, now: datetime) -> None:
    Heartbeat.objects.update_or_create(
        component=component, instance=instance, defaults={"at": now}, create_defaults={"since": now, "at": now}
    )


def leave(component: str, instance: str) -> None:
    """It ends because it was told to: nobody misses it."""
    Heartbeat.objects.filter(component=component, instance=instance).delete()


def alive(component: str, now: datetime, *, within: timedelta) -> bool:
    return Heartbeat.objects.filter(component=component, at__gt=now - within).exists()


def forget(before: datetime) -> None:
    """Drop the signs of processes that ended long ago."""
    Heartbeat.objects.filter(at__lt=before).delete()
