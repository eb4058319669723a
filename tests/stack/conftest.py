from collections.abc import Iterator

import pytest

from tests.faults.outside import Outside, outside
from tests.stack.running import Product, product


@pytest.fixture(scope="session")
def world() -> Iterator[Outside]:
    """The mail server and the address of the watchdog's alarms, to which the product of these tests speaks."""
    with outside() as servers:
        yield servers


@pytest.fixture(scope="session")
def plant(world: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One running product for all tests of this folder."""
    with product(tmp_path_factory.mktemp("stack") / "data", **world.environment) as running:
        yield running
