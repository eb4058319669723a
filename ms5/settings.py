"""The only settings file. What differs between installations comes from the environment (see .env.example)."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ms5.env import BadSetting, env_bool, env_choice, env_given_secret, env_int, env_list, env_secret, env_str, env_url

BASE_DIR = Path(__file__).resolve().parent.parent
_heading = re.search(r"^## (\d+\.\d+\.\d+)", (BASE_DIR / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
VERSION = _heading.group(1) if _heading else "0.0.0"

MS5_ENV = env_choice("MS5_ENV", ("production", "development"), "production")
PRODUCTION = MS5_ENV == "production"
DEBUG = False
_DEVELOPMENT_SECRET = None if PRODUCTION else "development-only-" + "x" * 48

SECRET_KEY = env_secret("SECRET_KEY", development=_DEVELOPMENT_SECRET)
JWT_SECRET_KEY = env_secret("JWT_SECRET_KEY", development=_DEVELOPMENT_SECRET)
DATA_DIR = Path(env_str("MS5_DATA_DIR", str(BASE_DIR / ".ms5")))
PROJECT_NAME = env_str("PROJECT_NAME", "MS5.0 Floor Dashboard")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "" if PRODUCTION else "127.0.0.1,localhost,[::1]")
if PRODUCTION and not ALLOWED_HOSTS:
    raise BadSetting("ALLOWED_HOSTS is not set. Write the names the kiosks use, e.g. ALLOWED_HOSTS=ms5.plant.example.")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
CORS_ORIGINS = env_list("CORS_ORIGINS")

INSTALLED_APPS = [
    "daphne",
    "ms5.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "django_filters",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_prometheus",
    "axes",
    "floor",
    "andon",
    "oee",
    "plc",
    "reports",
    "ms5",
]

MIDDLEWARE = [
    "ms5.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ms5.middleware.SecurityHeaders",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "ms5.middleware.ClosedByDefault",
    "django.contrib.messages.middleware.MessageMiddleware",
    "ms5.middleware.RequestMetrics",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "ms5.urls"
ASGI_APPLICATION = "ms5.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ms5.context.product",
            ],
            "builtins": ["floor.templatetags.units"],
        },
    },
]


def _database(url: str) -> dict[str, Any]:
    """postgresql://user:password@host:port/name, or ?host=/socket/folder; asyncpg and psycopg schemes are read too."""
    parts = urlsplit(url)
    if not parts.scheme.startswith("postgres"):
        raise BadSetting("DATABASE_URL must start with postgresql://, e.g. postgresql://ms5:secret@127.0.0.1:5432/ms5.")
    query = parse_qs(parts.query)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "ms5",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query["host"][0] if "host" in query else (parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": env_int("DATABASE_POOL_SIZE", 12, at_least=1), "timeout": 10},
            "connect_timeout": 5,
            "application_name": env_str("MS5_PROCESS", "ms5"),
        },
    }


DATABASES = {"default": _database(env_str("DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env_str("REDIS_URL")
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise BadSetting("REDIS_URL must start with redis://, rediss:// or unix://, e.g. redis://127.0.0.1:6379/0.")
_BROKER_URL = (
    re.sub(r"^unix://(.*?)\?db=(\d+)$", r"redis+socket://\1?virtual_host=\2", REDIS_URL)
    if "?" in REDIS_URL
    else REDIS_URL.replace("unix://", "redis+socket://", 1)
)

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "ms5",
        "OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 1},
    }
}
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}
# Sessions live in PostgreSQL: nobody is signed out when Redis is wiped.
SESSION_ENGINE = "django.contrib.sessions.backends.db"

AUTH_USER_MODEL = "floor.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "ms5.backends.MatrixBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=30)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False  # it greets in every process' log
AXES_LOCKOUT_CALLABLE = "ms5.errors.locked_out"
CSRF_FAILURE_VIEW = "ms5.errors.csrf_failure"
OTP_TOTP_ISSUER = PROJECT_NAME
# Administrators, production managers and engineers confirm a code of their phone before they reach /admin/.
REQUIRE_2FA = env_bool("MS5_REQUIRE_2FA", default=PRODUCTION)

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = Path(env_str("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "ms5.staticfiles.FontFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "ms5.staticfiles.HashedStatic"},
}
MEDIA_ROOT = DATA_DIR / "media"

LOGIN_RATE = env_str("LOGIN_RATE", "10/min")
if not re.fullmatch(r"[1-9]\d*/(sec|min|hour|day)", LOGIN_RATE):
    raise BadSetting(f"LOGIN_RATE is {LOGIN_RATE!r}; write it like 10/min (per sec, min, hour or day).")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["floor.roles.MatrixPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ms5.api.SmallJSON"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is not answered: the OpenAPI document says more
    "DEFAULT_PAGINATION_CLASS": "ms5.api.Pages",
    "PAGE_SIZE": 20,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "ms5.api.error_envelope",
    "DEFAULT_THROTTLE_RATES": {"login": LOGIN_RATE},
    "NUM_PROXIES": 0,  # the address is the peer's (daphne --proxy-headers names the client behind our own proxy)
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": PROJECT_NAME,
    "VERSION": VERSION,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["floor.roles.MatrixPermission"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "UnitEnum": ["s", "parts"],
        "StopRowStatusEnum": ["open", "ended"],
        "EventRowStatusEnum": "andon.models.calls.STATUSES",
        "SortEnum": "oee.models.counts.CountEntry.Sort",
        "EvidenceUnitEnum": "oee.evidence_api.UNITS",
        "IntervalSortEnum": "oee.evidence_api.SORTS",
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "ms5.openapi.say_how_it_refuses"],
}
SIMPLE_JWT = {
    "ALGORITHM": env_choice("JWT_ALGORITHM", ("HS256", "HS384", "HS512"), "HS256"),
    "SIGNING_KEY": JWT_SECRET_KEY,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env_int("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", 30, at_least=1)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env_int("JWT_REFRESH_TOKEN_EXPIRE_DAYS", 7, at_least=1)),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,
    "USER_ID_FIELD": "id",
    "ISSUER": "ms5",
    "AUDIENCE": "ms5-api",
}

CELERY = {
    "broker_url": _BROKER_URL,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {
        "visibility_timeout": 300,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
    },
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_max_tasks_per_child": 2000,
    "worker_max_memory_per_child": 400_000,
    "worker_hijack_root_logger": False,
    "task_time_limit": 120,
    "task_soft_time_limit": 100,
    "task_default_queue": "default",
    "timezone": "UTC",
}

EMAIL_HOST = env_str("SMTP_HOST", "127.0.0.1" if PRODUCTION else "none")
# Without a mail server the mail is kept as files: a call must not look undelivered because nobody set one up.
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend" if EMAIL_HOST == "none" else "ms5.mail.EmailBackend"
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_PORT = env_int("SMTP_PORT", 587 if PRODUCTION else 1025, at_least=1)
EMAIL_HOST_USER = env_str("SMTP_USER", " ").strip()
EMAIL_HOST_PASSWORD = env_given_secret("SMTP_PASSWORD") if EMAIL_HOST_USER else ""
EMAIL_USE_TLS = env_bool("SMTP_TLS", default=PRODUCTION)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_str("SMTP_FROM", "ms5@localhost")
# The hosts that calls for help may be told to, and those inside the plant among them; nothing else is ever called.
WEBHOOK_HOSTS = env_list("MS5_WEBHOOK_HOSTS")
WEBHOOK_INTERNAL_HOSTS = env_list("MS5_WEBHOOK_INTERNAL_HOSTS")

API_V1_STR = env_str("API_V1_STR", "/api/v1")
if API_V1_STR != "/api/v1":
    raise BadSetting("API_V1_STR must stay /api/v1 (or be left out); clients depend on the path.")
PROMETHEUS_ENABLED = env_bool("PROMETHEUS_ENABLED", default=True)
# Without a token only this machine may read /metrics.
METRICS_TOKEN = env_secret("MS5_METRICS_TOKEN", development="")
# The watchdog's own ways out, beside its mail to the administrators.
WATCHDOG_WEBHOOK = env_url("MS5_WATCHDOG_WEBHOOK")
WATCHDOG_PING = env_url("MS5_WATCHDOG_PING")
LOG_LEVEL = env_choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOGGING_CONFIG = "ms5.logs.configure"
LOGGING: dict[str, Any] = {"level": LOG_LEVEL, "json": PRODUCTION}

# How facts lie in the database is chosen by the first migrate and then remembered there; how long they are kept.
TIMESERIES = env_choice("MS5_TIMESERIES", ("partitions", "timescale"), "partitions")
READING_RETENTION_DAYS = env_int("READING_RETENTION_DAYS", 90, at_least=1)
DETAIL_RETENTION_DAYS = env_int("DETAIL_RETENTION_DAYS", 90, at_least=7)
ROLLUP_RETENTION_DAYS = env_int("ROLLUP_RETENTION_DAYS", 800, at_least=7)
if ROLLUP_RETENTION_DAYS < DETAIL_RETENTION_DAYS:
    raise BadSetting(
        f"ROLLUP_RETENTION_DAYS is {ROLLUP_RETENTION_DAYS}, but details are kept for {DETAIL_RETENTION_DAYS} days:"
        " totals must outlive what they were made from. Set it to at least DETAIL_RETENTION_DAYS; 800 is two years."
    )

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
HTTPS = env_bool("MS5_HTTPS", default=PRODUCTION)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = False
SILENCED_SYSTEM_CHECKS: list[str] = []
