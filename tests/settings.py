"""What differs under test; everything else is the one settings file."""

import os

os.environ.setdefault("MS5_ENV", "development")
os.environ.setdefault("DATABASE_URL", "postgresql://ms5@127.0.0.1/ms5")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:6379/15")

from ms5.settings import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["OPTIONS"].pop("pool")  # test databases are dropped; a pool would hold them open
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
AXES_ENABLED = False
LOGGING = {"level": "WARNING", "json": False}
