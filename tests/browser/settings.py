"""The web process of the browser tests: production's static files, the test's database."""
# ruff: noqa: F403, F405 - the settings under test, with two differences

import os

from ms5.settings import MIDDLEWARE as EVERYTHING
from tests.settings import *

MIDDLEWARE = EVERYTHING
STORAGES["staticfiles"] = {"BACKEND": "tests.browser.static.PlainHashedStatic"}
DATABASES["default"]["NAME"] = os.environ.get("MS5_TEST_DATABASE", DATABASES["default"]["NAME"])
