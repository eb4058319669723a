"""Signs of life of our own processes."""

from datetime import datetime, timedelta

from floor.models import Heartbeat


def beat(component: str, instance: str, now: datetime) -> None:
    Heartbeat.objects.update_or_create(component=component, instance=instance, defaults={"at": now})


def alive(component: str, now: datetime, *, within: timedelta) -> bool:
    return Heartbeat.objects.filter(component=component, at__gt=now - within).exists()
