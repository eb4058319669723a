"""Readers for the environment. Nonsense stops the start with a sentence that says what to set."""

import os
from pathlib import Path

_UNSET = object()


class BadSetting(SystemExit):
    """A setting is missing or unreadable; the message says which and what to write."""


def _raw(name: str) -> str | None:
    """The value of `name`, or the content of the file named by `name`_FILE (for secrets mounted as files)."""
    value = os.environ.get(name)
    if value is not None:
        return value
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadSetting(f"{name}_FILE points to {path}, which cannot be read: {error.strerror}.") from error


def env_str(name: str, default: str | None = None) -> str:
    value = _raw(name)
    if value is None or value == "":
        if default is None:
            raise BadSetting(f"{name} is not set. Set it in the environment (or {name}_FILE); see .env.example.")
        return default
    return value


def env_choice(name: str, choices: tuple[str, ...], default: str) -> str:
    value = env_str(name, default)
    if value not in choices:
        raise BadSetting(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
    return value


def env_int(name: str, default: int, *, at_least: int = 0) -> int:
    raw = env_str(name, str(default))
    try:
        value = int(raw)
    except ValueError as error:
        raise BadSetting(f"{name} is {raw!r}; it must be a whole number.") from error
    if value < at_least:
        raise BadSetting(f"{name} is {value}; it must be at least {at_least}.")
    return value


def env_bool(name: str, *, default: bool) -> bool:
    raw = env_str(name, "true" if default else "false").lower()
    if raw not in ("true", "false", "1", "0"):
        raise BadSetting(f"{name} is {raw!r}; it must be true or false.")
    return raw in ("true", "1")


def env_list(name: str, default: str = "") -> list[str]:
    """Comma-separated values; a JSON-style list as in older installations is read too."""
    raw = env_str(name, default).strip("[] ")
    return [item.strip(" \"'") for item in raw.split(",") if item.strip(" \"'")]


def env_secret(name: str, *, development: str | None) -> str:
    """A secret of at least 32 characters. `development` is the value of a development start; None: there is none."""
    value = _raw(name)
    if not value:
        if development is not None:
            return development
        make = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'
        raise BadSetting(f"{name} is not set. Make one with: {make}")
    if len(value) < 32 or "change" in value.lower():
        raise BadSetting(f"{name} is too short or a sample value; use at least 32 random characters.")
    return value


def env_url(name: str) -> str:
    """An http(s) address, which may carry a secret; empty when there is none."""
    value = _raw(name) or ""
    if value and not value.startswith(("http://", "https://")):
        raise BadSetting(f"{name} must start with https:// or http://, e.g. {name}=https://alarms.plant.example/ms5.")
    return value


def env_given_secret(name: str) -> str:
    """A secret that others chose, e.g. a mail server's password: how long it is, is not ours to judge."""
    value = _raw(name)
    if not value:
        raise BadSetting(f"{name} is not set. Set it in the environment (or {name}_FILE) as it was given to you.")
    return value
