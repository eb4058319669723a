"""Screens do not stand still while a web process tidies up."""

import gc
from collections.abc import Iterator

import pytest

from ms5 import long_lived


@pytest.fixture(autouse=True)
def given_back() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_was_loaded_is_not_walked_again() -> None:
    loaded = len(gc.get_objects())

    long_lived.set_apart()

    assert len(gc.get_objects()) < loaded / 10
