"""The people of the floor."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth import get_backends
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import RegexValidator
from django.db import models


class Role(models.TextChoices):
    """The eight roles, in order of authority. What each may do stands in floor/roles.py."""

    ADMIN = "admin", "Administrator"
    PRODUCTION_MANAGER = "production_manager", "Production manager"
    SHIFT_MANAGER = "shift_manager", "Shift manager"
    ENGINEER = "engineer", "Engineer"
    OPERATOR = "operator", "Operator"
    MAINTENANCE = "maintenance", "Maintenance"
    QUALITY = "quality", "Quality"
    VIEWER = "viewer", "Viewer"


class People(UserManager["User"]):
    use_in_migrations = False

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> "User":
        """The first administrator, from the command line. Afterwards administrators make people."""
        return self.create_user(username, email, password, **{**fields, "role": Role.ADMIN, "is_superuser": False})


class User(AbstractUser):
    """One person. Nobody shares an account: what people do is stored under their own name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(
        max_length=20,
        unique=True,
        validators=[
            RegexValidator(r"^[A-Za-z0-9._-]{3,20}$", "3 to 20 letters, digits, dots, hyphens or underscores.")
        ],
    )
    email = models.EmailField(unique=True)
    role = models.CharField(max_length=20, choices=Role, default=Role.VIEWER)
    employee_id = models.CharField(max_length=30, unique=True, null=True, blank=True)
    department = models.CharField(max_length=60, blank=True)

    objects: ClassVar[People] = People()

    class Meta:
        constraints = [
            models.CheckConstraint(name="user_role_is_known", condition=models.Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    # Django lets its superusers do everything; here the role alone decides.

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return any(backend.has_perm(self, perm, obj) for backend in get_backends() if hasattr(backend, "has_perm"))

    def has_module_perms(self, app_label: str) -> bool:
        backends = (backend for backend in get_backends() if hasattr(backend, "has_module_perms"))
        return any(backend.has_module_perms(self, app_label) for backend in backends)
