"""Django's own permission questions, answered by the matrix of roles."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from andon.bell import count_unread
from floor.models import User
from floor.roles import can
from ms5.permissions import MODELS, model_capability


class MatrixBackend(ModelBackend):
    """Checks passwords as Django does; what a person may do to a model comes from ms5/permissions.py alone."""

    def get_user(self, user_id: Any) -> User | None:
        """Whoever sends a request, with the number on their bell, which pages show without asking again."""
        found = User.objects.annotate(unread=count_unread()).filter(pk=user_id).first()
        return found if found is not None and self.user_can_authenticate(found) else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        capability = model_capability(perm)
        return capability is not None and can(user_obj, capability)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(can(user_obj, row[0]) for model, row in MODELS.items() if model.partition(".")[0] == app_label)

    def get_all_permissions(self, user_obj: User, obj: Any = None) -> set[str]:  # type: ignore[override]
        names = {
            f"{model.replace('.', f'.{action}_')}" for model in MODELS for action in ("view", "add", "change", "delete")
        }
        return {name for name in names if self.has_perm(user_obj, name)}
