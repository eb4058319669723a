"""What a web process keeps for its whole life, taken out of the garbage collector's rounds."""

import gc
from importlib import import_module

from django.conf import settings


def set_apart() -> None:
    """Call when everything is loaded. A full collection walks all that lives, some 200,000 objects of code and models:
    0.1–0.25 s in which no page is served and no screen told. Set apart, it walks what requests made: milliseconds.
    """
    import_module(settings.ROOT_URLCONF)  # views, forms and API; else the first request loads them
    gc.collect()
    gc.freeze()
