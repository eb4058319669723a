"""What differs under test; everything else is the one settings file."""

import os
from pathlib import Path

# Where tests/conftest.py starts throw-away servers, unless the environment names others. Worker processes of one
# run share PostgreSQL (a database each) and have a Valkey each, because published messages know no database numbers.
THROW_AWAY = Path(os.environ.setdefault("MS5_TEST_FOLDER", f"/tmp/ms5-test-{os.getpid()}"))
_worker = THROW_AWAY / os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ.setdefault("MS5_ENV", "development")
os.environ.setdefault("DATABASE_URL", f"postgresql://ms5@/ms5?host={THROW_AWAY}/pg/run/sockets")
if str(THROW_AWAY) in os.environ.get("REDIS_URL", str(THROW_AWAY)):
    os.environ["REDIS_URL"] = f"unix://{_worker}/run/sockets/redis.sock?db=0"
os.environ.setdefault("MS5_DATA_DIR", str(THROW_AWAY / "data"))

from ms5.settings import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["OPTIONS"].pop("pool")  # test databases are dropped; a pool would hold them open
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("whitenoise")]  # nothing is collected
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
AXES_ENABLED = False
LOGGING = {"level": "WARNING", "json": False}
