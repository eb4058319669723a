"""The environment is read strictly: nonsense stops the start with a sentence that says what to set."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings, settings

from ms5.checks import powerful_roles_confirm_a_code, tokens_have_a_key_of_their_own, used_tokens_are_remembered
from ms5.env import BadSetting, env_bool, env_choice, env_given_secret, env_int, env_list, env_secret, env_str

ROOT = Path(settings.BASE_DIR)
PRODUCTION = {
    "MS5_ENV": "production",
    "SECRET_KEY": "s" * 40,
    "JWT_SECRET_KEY": "j" * 40,
    "ALLOWED_HOSTS": "ms5.plant.example",
    "DATABASE_URL": "postgresql://ms5@db.plant.example/ms5",
    "REDIS_URL": "redis://cache.plant.example:6379/0",
}


def start(**changes: str | None) -> subprocess.CompletedProcess[str]:
    """Import the settings as a production start does."""
    environment = {name: value for name, value in {**PRODUCTION, **changes}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", "import ms5.settings as s; print(s.HTTPS, s.REQUIRE_2FA)"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def test_production_starts_strict() -> None:
    assert start().stdout.split() == ["True", "True"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SECRET_KEY", None, "SECRET_KEY is not set"),
        ("SECRET_KEY", "short", "SECRET_KEY is too short"),
        ("SECRET_KEY", "change-me-please-change-me-please-change", "SECRET_KEY is too short or a sample value"),
        ("JWT_SECRET_KEY", None, "JWT_SECRET_KEY is not set"),
        ("JWT_SECRET_KEY", "short", "JWT_SECRET_KEY is too short"),
        ("ALLOWED_HOSTS", None, "ALLOWED_HOSTS is not set"),
        ("DATABASE_URL", None, "DATABASE_URL is not set"),
        ("DATABASE_POOL_SIZE", "many", "DATABASE_POOL_SIZE is 'many'"),
        ("DATABASE_POOL_SIZE", "0", "DATABASE_POOL_SIZE is 0; it must be at least 1"),
        ("DATABASE_URL", "mysql://localhost/ms5", "DATABASE_URL must start with postgresql://"),
        ("REDIS_URL", None, "REDIS_URL is not set"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL must start with redis://"),
        ("MS5_ENV", "prod", "MS5_ENV is 'prod'; it must be one of production, development"),
        ("MS5_REQUIRE_2FA", "yes", "MS5_REQUIRE_2FA is 'yes'; it must be true or false"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL is 'LOUD'"),
        ("PROMETHEUS_ENABLED", "yes", "PROMETHEUS_ENABLED is 'yes'; it must be true or false"),
        ("LOGIN_RATE", "often", "LOGIN_RATE is 'often'; write it like 10/min"),
        ("JWT_ALGORITHM", "none", "JWT_ALGORITHM is 'none'"),
        ("MS5_WATCHDOG_WEBHOOK", "alarms.plant.example", "MS5_WATCHDOG_WEBHOOK must start with https:// or http://"),
        ("API_V1_STR", "/api/v2", "API_V1_STR must stay /api/v1"),
        ("MS5_TIMESERIES", "influx", "MS5_TIMESERIES is 'influx'; it must be one of partitions, timescale"),
        ("DETAIL_RETENTION_DAYS", "1", "DETAIL_RETENTION_DAYS is 1; it must be at least 7"),
        ("DETAIL_RETENTION_DAYS", "900", "Set it to at least DETAIL_RETENTION_DAYS"),
        ("ROLLUP_RETENTION_DAYS", "30", "ROLLUP_RETENTION_DAYS is 30, but details are kept for 90 days"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(name: str, value: str | None, says: str) -> None:
    started = start(**{name: value})

    assert started.returncode == 1
    assert says in started.stderr
    assert "Traceback" not in started.stderr


def test_a_secret_may_be_the_content_of_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("f" * 40 + "\n")

    assert start(SECRET_KEY=None, SECRET_KEY_FILE=str(secret)).returncode == 0
    assert "cannot be read" in start(SECRET_KEY=None, SECRET_KEY_FILE=str(tmp_path / "nowhere")).stderr


def test_readers_refuse_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N", "twelve")
    for read in (
        lambda: env_int("N", 1),
        lambda: env_bool("N", default=True),
        lambda: env_choice("N", ("a", "b"), "a"),
        lambda: env_secret("N", development=None),
        lambda: env_str("MISSING"),
    ):
        with pytest.raises(BadSetting):
            read()


def test_a_secret_that_others_chose_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "changed")
    assert env_given_secret("SMTP_PASSWORD") == "changed"

    monkeypatch.delenv("SMTP_PASSWORD")
    with pytest.raises(BadSetting, match="SMTP_PASSWORD is not set"):
        env_given_secret("SMTP_PASSWORD")

    (tmp_path / "mail").write_text("pw\n")
    monkeypatch.setenv("SMTP_PASSWORD_FILE", str(tmp_path / "mail"))
    assert env_given_secret("SMTP_PASSWORD") == "pw"


def test_a_short_mail_password_starts_and_a_missing_one_does_not() -> None:
    assert start(SMTP_USER="ms5", SMTP_PASSWORD="short").returncode == 0
    assert "SMTP_PASSWORD is not set" in start(SMTP_USER="ms5").stderr


def test_a_number_that_is_too_small_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N", "0")
    with pytest.raises(BadSetting, match="N is 0; it must be at least 1"):
        env_int("N", 5, at_least=1)


def test_the_value_itself_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_HOST", "mail")
    monkeypatch.setenv("SMTP_HOST_FILE", "/nowhere")

    assert env_str("SMTP_HOST") == "mail"


@pytest.mark.parametrize(
    ("raw", "read", "expected"),
    [
        ("", lambda name: env_str(name, "viewer"), "viewer"),
        ("", lambda name: env_int(name, 7), 7),
        ("INFO", lambda name: env_choice(name, ("INFO", "ERROR"), "ERROR"), "INFO"),
        ("12", lambda name: env_int(name, 3), 12),
        ("True", lambda name: env_bool(name, default=False), True),
        ("0", lambda name: env_bool(name, default=True), False),
        ("a, b,", env_list, ["a", "b"]),
        (" a , b ", env_list, ["a", "b"]),
        ("a,,b,", env_list, ["a", "b"]),
        ('["https://a", "https://b"]', env_list, ["https://a", "https://b"]),
        ("s" * 40, lambda name: env_secret(name, development=None), "s" * 40),
    ],
)
def test_values_are_read_as_they_are_written(
    monkeypatch: pytest.MonkeyPatch, raw: str, read: Callable[[str], object], expected: object
) -> None:
    monkeypatch.setenv("NAME", raw)

    assert read("NAME") == expected


# ---------------------------------------------------------------- combinations


def test_one_key_for_tokens_and_sessions_is_an_error_in_production(settings: LazySettings) -> None:
    settings.PRODUCTION = True
    settings.JWT_SECRET_KEY = settings.SECRET_KEY
    assert [found.id for found in tokens_have_a_key_of_their_own(None)] == ["ms5.E001"]


def test_a_missing_list_of_used_tokens_is_an_error(settings: LazySettings) -> None:
    assert used_tokens_are_remembered(None) == []
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if "blacklist" not in app]
    assert [found.id for found in used_tokens_are_remembered(None)] == ["ms5.E002"]


def test_powerful_roles_without_a_second_factor_are_warned_about(settings: LazySettings) -> None:
    settings.PRODUCTION, settings.REQUIRE_2FA = True, False
    assert [found.id for found in powerful_roles_confirm_a_code(None)] == ["ms5.W001"]
