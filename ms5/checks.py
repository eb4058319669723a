"""Combinations of settings that would start and then go wrong. Each has an id and says what to do."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security)
def tokens_have_a_key_of_their_own(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    if not settings.PRODUCTION or settings.JWT_SECRET_KEY != settings.SECRET_KEY:
        return []
    words = "JWT_SECRET_KEY equals SECRET_KEY: whoever learns one can sign in by the other."
    return [Error(words, hint="Set JWT_SECRET_KEY to another random value.", id="ms5.E001")]


@register(Tags.security)
def used_tokens_are_remembered(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """simplejwt says nothing when the list is missing, and then every refresh token works for ever."""
    rotates = settings.SIMPLE_JWT["ROTATE_REFRESH_TOKENS"] and settings.SIMPLE_JWT["BLACKLIST_AFTER_ROTATION"]
    if rotates and "rest_framework_simplejwt.token_blacklist" in settings.INSTALLED_APPS:
        return []
    words = "Refresh tokens could be used more than once."
    hint = "Keep rest_framework_simplejwt.token_blacklist installed and both rotation settings on."
    return [Error(words, hint=hint, id="ms5.E002")]


@register(Tags.security, deploy=True)
def powerful_roles_confirm_a_code(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    if settings.REQUIRE_2FA or not settings.PRODUCTION:
        return []
    words = "Administrators, production managers and engineers reach /admin/ with a password alone."
    return [Warning(words, hint="Leave MS5_REQUIRE_2FA out, or set it to true.", id="ms5.W001")]
