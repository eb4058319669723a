from collections.abc import Iterator

import pytest

from tests.stack.running import Product, product


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One running product for all tests of this folder."""
    with product(tmp_path_factory.mktemp("stack") / "data") as running:
        yield running
