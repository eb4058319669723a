"""Who may do what."""

from rest_framework.permissions import BasePermission


class MatrixPermission(BasePermission):
    pass
