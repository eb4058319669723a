import pytest
from hypothesis import given
from hypothesis import strategies as st

from plc.domain.addresses import BLOCK_BYTES, FILES, Address, BadAddress, blocks, check_logix, parse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("N7:0", Address("N", 7, 0)),
        (" n7:255 ", Address("N", 7, 255)),
        ("N7:0/2", Address("N", 7, 0, bit=2)),
        ("B3/17", Address("B", 3, 1, bit=1)),
        ("B3:1/1", Address("B", 3, 1, bit=1)),
        ("T4:0.ACC", Address("T", 4, 0, word=2)),
        ("T4:0/DN", Address("T", 4, 0, bit=13)),
        ("C5:3.PRE", Address("C", 5, 3, word=1)),
        ("R6:0.LEN", Address("R", 6, 0, word=1)),
        ("F8:2", Address("F", 8, 2)),
        ("L10:1/31", Address("L", 10, 1, bit=31)),
        ("ST9:0", Address("ST", 9, 0)),
        ("S:1/15", Address("S", 2, 1, bit=15)),
        ("I:2.1/3", Address("I", 1, 2, bit=3, sub_element=1)),
        ("O:12/15", Address("O", 0, 12, bit=15)),
    ],
)
def test_addresses_people_write_are_understood(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("N7:1000", "element 1000 does not exist; a file holds elements 0 to 255"),
        ("N7:300", "element 300 does not exist"),
        ("N300:0", "file 300 does not exist; files are numbered 0 to 255"),
        ("N7:0/16", "bit 16 does not exist; bits are numbered 0 to 15"),
        ("xxN7:0yy", "is not an address of an SLC or MicroLogix; write N7:0"),
        ("N7:0}", "is not an address"),
        ("", "is not an address"),
        ("T4:0", "is not an address"),
        ("T4:0.CU", "a T element has no CU"),
        ("N:0", "the file number is missing"),
        ("F8:0/3", "a REAL has no bits"),
        ("I3:0/1", "write I:0 without a file number"),
        ("N7:0.1", "only inputs and outputs have words behind a dot"),
        ("B3/9999", "element 624 does not exist"),
    ],
)
def test_wrong_addresses_are_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadAddress, match=sentence):
        parse(text)


def test_a_block_longer_than_one_read_can_carry_is_refused() -> None:
    assert parse("N7:0", count=127).count == 127
    with pytest.raises(BadAddress, match="128 words do not fit into one read; at most 127"):
        parse("N7:0", count=128)


def test_neighbours_share_a_block_and_strangers_do_not() -> None:
    texts = ["N7:0", "N7:5", "N7:100", "N9:0", "B3:0/4", "B3:0/8", "I:1/0", "I:2/0"]

    found = blocks(list(enumerate(parse(text) for text in texts)))

    described = [(b.kind, b.file, b.element, b.count, len(b.parts)) for b in found]
    assert described == [
        ("B", 3, 0, 1, 2),
        ("I", 1, 1, 1, 1),
        ("I", 1, 2, 1, 1),
        ("N", 7, 0, 6, 2),
        ("N", 7, 100, 1, 1),
        ("N", 9, 0, 1, 1),
    ]


word_addresses = st.builds(
    lambda kind, file, element: Address(kind, file, element),
    st.sampled_from(["N", "B", "F", "L", "ST", "T", "C"]),
    st.integers(0, 3),
    st.integers(0, 255),
)


@given(st.lists(word_addresses, max_size=60))
def test_every_address_is_in_exactly_one_block_at_its_place(addresses: list[Address]) -> None:
    found = blocks(list(enumerate(addresses)))

    placed = {index: (block, offset) for block in found for index, offset in block.parts}
    assert sorted(index for block in found for index, _ in block.parts) == list(range(len(addresses)))
    for index, address in enumerate(addresses):
        block, offset = placed[index]
        size = FILES[address.kind].element_bytes
        assert (block.kind, block.file) == (address.kind, address.file)
        assert block.element + offset / size == address.element
        assert offset + size <= block.size <= max(BLOCK_BYTES, 2 * size)
        assert block.element < 255


@given(word_addresses)
def test_an_address_is_written_as_it_is_read(address: Address) -> None:
    if address.kind in ("T", "C"):
        return
    assert parse(str(address)) == address


@pytest.mark.parametrize("name", ["Speed", "Count.ACC", "Station[2].Sh[1].Scrap", "Program:Main.Step", "A[1,2,3]"])
def test_tag_names_are_passed_on_as_they_are(name: str) -> None:
    assert check_logix(name) == name


@pytest.mark.parametrize("name", ["", "1st", "a b", "A.", "A[", "A[x]", "A{5}", "A.3", "Program:.x", "A;DROP"])
def test_names_that_cannot_be_tags_are_refused(name: str) -> None:
    with pytest.raises(BadAddress):
        check_logix(name)
