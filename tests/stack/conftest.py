from collections.abc import Iterator

import pytest

from tests.faults.outside import Outside, outside
from tests.stack.running import Product, product
from tests.stack.survivor import Past, gone, survive


@pytest.fixture(scope="session")
def world() -> Iterator[Outside]:
    """The mail server and the address of the watchdog's alarms, to which the product of these tests speaks."""
    with outside() as servers:
        yield servers


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """What the data folder of these tests has been through: a start is dear, so its ends are tested on the way."""
    return survive(tmp_path_factory.mktemp("stack") / "data")


@pytest.fixture(scope="session")
def plant(world: Outside, past: Past) -> Iterator[Product]:
    """One running product for all tests of this folder."""
    with product(past.folder.path, **world.environment) as running:
        yield running
    gone(past.folder)
