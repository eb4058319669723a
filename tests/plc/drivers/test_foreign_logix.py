"""The tag layer of cm-ethernetip, unmodified: a second server that is not ours. Its tag list ends after one page."""

import asyncio
import struct
import threading
from collections.abc import Iterator

import pytest
from ethernetip.cip.identity_info import IdentityInfo
from ethernetip.logix.logix_dispatcher import LogixDispatcher
from ethernetip.logix.tag_database import TagDatabase
from ethernetip.protocol.eip_adapter import EipAdapter

from plc.drivers.base import TagSpec
from plc.drivers.kinds import connect
from plc.drivers.logix import LogixDriver
from tests.plc.peers import endpoint

TAGS = {"Part_Count": (0xC4, "<i", 4711), "Speed": (0xCA, "<f", 61.5), "Product": (0xC3, "<h", 3)}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    tags = TagDatabase()
    for name, (kind, layout, value) in TAGS.items():
        tags.add_tag(name, kind).set_data(struct.pack(layout, value))
    identity = IdentityInfo(vendor_id=1, device_type=14, product_name="1769-L24ER", serial_number=0xC0FFEE)
    adapter = EipAdapter(LogixDispatcher(tags, identity), identity)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(adapter.listen("127.0.0.1", 0), loop).result(5)
    yield adapter.port
    asyncio.run_coroutine_threadsafe(adapter.close(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


def test_its_tags_are_listed_and_read(port: int) -> None:
    browser = LogixDriver(endpoint(port), [])
    listed = {tag.address: tag.data_type for tag in browser.browse()}
    browser.close()
    driver = connect("logix", endpoint(port), [TagSpec(name, name, kind) for name, kind in listed.items()])

    identity = driver.open()
    values = driver.read().values
    driver.close()

    assert identity.product_name == "1769-L24ER"
    assert listed == {"Part_Count": "DINT", "Speed": "REAL", "Product": "INT"}
    assert {name: value.value for name, value in values.items()} == {"Part_Count": 4711, "Speed": 61.5, "Product": 3}
