"""The people of the floor."""

import uuid

from django.contrib.auth.models import AbstractUser
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


class User(AbstractUser):
    """One person. Nobody shares an account: what people do is stored under their own name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(
        max_length=20,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9._-]{3,20}$", "3 to 20 letters, digits, dots, hyphens or underscores.")],
    )
    email = models.EmailField(unique=True)
    role = models.CharField(max_length=20, choices=Role, default=Role.VIEWER)
    employee_id = models.CharField(max_length=30, unique=True, null=True, blank=True)
    department = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="user_role_is_known", condition=models.Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username
