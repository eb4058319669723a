"""One login per role for the demo plant: user name = role, generated passwords in <data folder>/logins.json."""

import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from floor.models.people import Role, User
from ms5.bare.folder import write_private


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "demo_logins is for the demo plant; in production, make people with createsuperuser and the admin."
            )
        path = settings.DATA_DIR / "logins.json"
        kept = _read(path)
        with transaction.atomic():
            logins = {role: _login(role, kept.get(role)) for role in Role.values}
            if logins != kept:
                write_private(path, json.dumps(logins, indent=1) + "\n")
        self.stdout.write(f"The logins are in {path}.")


def _read(path: Path) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return kept


def _login(role: str, kept_password: str | None) -> str:
    """Make sure that the role's user can sign in; return the password, the kept one if it is known."""
    password = kept_password or secrets.token_urlsafe(9)
    user = User.objects.filter(username=role).first() or User(username=role, email=f"{role}@demo.invalid")
    user.role = role
    user.is_active = True
    user.is_staff = user.is_superuser = role == Role.ADMIN
    if not user.check_password(password):
        user.set_password(password)
    user.save()
    return password
