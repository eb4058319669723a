"""The web process of the browser tests: production's static files, the test's database."""

import os

from tests.settings import *

STORAGES["staticfiles"] = {"BACKEND": "ms5.staticfiles.HashedStatic"}
DATABASES["default"]["NAME"] = os.environ.get("MS5_TEST_DATABASE", DATABASES["default"]["NAME"])
