"""What a machine was doing, from good, bad and missing values."""

import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from plc.drivers.base import Quality, Reading, Value
from plc.translate import Machine, Source, observe

AT = datetime(2026, 3, 23, 6, 12, tzinfo=UTC)
BAD = Value(None, Quality.BAD_TAG, "The controller has no tag of this name")


def good(value: Reading) -> Value:
    return Value(value, Quality.GOOD)


def machine(**sources: tuple[Source, ...]) -> Machine:
    return Machine(uuid.uuid4(), uuid.uuid4(), MachineSetup(), **sources)


def seen(looked_at: Machine, **values: Value) -> Observation:
    return observe(looked_at, dict(values), AT, 7, 3)


BAGGER = machine(
    running=(Source("auto", width=1), Source("manual", invert=True, width=1)),
    speed=(Source("speed"), Source("slow_speed")),
    product=(Source("product"),),
    made=(Source("made", modulus=65536, width=16),),
    rejected=(Source("rejected"),),
    faults=(Source("faults"), Source("estop", width=1, offset=32)),
)
RUNNING = {
    **{"auto": good(True), "manual": good(False), "speed": good(61.5), "product": good(3), "made": good(-32768)},
    **{"rejected": good(4), "faults": good(0b101), "estop": good(True)},
}


def test_a_running_bagger_is_seen_running() -> None:
    assert seen(BAGGER, **RUNNING) == Observation(
        AT, 7, 3, seen=True, running=True, speed=61.5, product=3, made=32768, rejected=4, fault_bits=0b101 | 1 << 32
    )


@pytest.mark.parametrize(
    "values",
    [{"auto": good(False)}, {"manual": good(True)}, {"speed": good(0.05)}, {"auto": good(False), "speed": BAD}],
)
def test_one_sign_of_standing_still_is_enough(values: dict[str, Value]) -> None:
    observation = seen(BAGGER, **RUNNING | values)

    assert observation.seen
    assert not observation.running


@pytest.mark.parametrize("values", [{"auto": BAD}, {"speed": BAD}, {"manual": Value(None, Quality.INIT)}])
def test_a_machine_whose_running_cannot_be_known_was_not_seen(values: dict[str, Value]) -> None:
    assert not seen(BAGGER, **RUNNING | values).seen


def test_the_second_speed_stands_in_for_a_bad_first_one() -> None:
    observation = seen(BAGGER, **RUNNING | {"speed": BAD, "slow_speed": good(60)})

    assert (observation.seen, observation.speed) == (True, 60)


def test_a_bad_counter_is_left_out_and_the_machine_is_seen_all_the_same() -> None:
    observation = seen(BAGGER, **RUNNING | {"made": BAD, "rejected": BAD, "product": BAD})

    assert observation.seen
    assert (observation.made, observation.rejected, observation.product) == (None, None, None)


def test_half_of_the_fault_bits_are_none() -> None:
    assert seen(BAGGER, **RUNNING | {"estop": BAD}).fault_bits is None


@pytest.mark.parametrize(
    ("tag", "value", "sentence"),
    [
        ("speed", -3.0, "A speed cannot be negative"),
        ("product", -1, "This cannot be a product number"),
        ("product", 2**40, "This cannot be a product number"),
        ("rejected", -1, "A counter cannot be negative; if it wraps, give its modulus"),
        ("made", 70000, "The counter is larger than it can be"),
        ("rejected", 1e300, "The counter is larger than it can be"),
        ("made", True, "A number is needed here"),
        ("faults", 1.5, "Bits are needed here"),
        ("auto", "yes", "Bits are needed here"),
    ],
)
def test_nonsense_is_marked_bad_with_a_sentence_and_never_counted(tag: str, value: Reading, sentence: str) -> None:
    values = RUNNING | {tag: good(value)}

    observation = observe(BAGGER, values, AT, 7, 3)

    assert values[tag] == Value(value, Quality.BAD_VALUE, sentence)
    counted = {"made": observation.made, "rejected": observation.rejected, "product": observation.product}
    assert counted.get(tag) is None


def test_words_of_alarms_become_one_row_of_bits() -> None:
    loader = machine(running=(Source("auto", width=1),), faults=(Source("alarms", width=16),))

    observation = seen(loader, auto=good(True), alarms=good((1, -32768, 0, 3)))

    assert observation.fault_bits == 1 | 0x8000 << 16 | 3 << 48


def test_a_status_word_gives_one_bit() -> None:
    loader = machine(running=(Source("status", bit=8, width=16),))

    assert seen(loader, status=good(0x0100)).running
    assert not seen(loader, status=good(0x00FF)).running
    assert seen(loader, status=good(-1)).running


def test_an_inverted_good_signal_is_a_fault() -> None:
    axis = machine(running=(Source("auto", width=1),), faults=(Source("ok", invert=True, width=1, offset=5),))

    assert seen(axis, auto=good(True), ok=good(False)).fault_bits == 1 << 5
    assert seen(axis, auto=good(True), ok=good(True)).fault_bits == 0


def test_a_machine_without_running_and_speed_is_never_seen() -> None:
    assert not seen(machine(made=(Source("made"),)), made=good(5)).seen


readings = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "yes"]),
    st.tuples(st.integers(-32768, 32767), st.integers(-32768, 32767)),
)


@given(st.dictionaries(st.sampled_from(sorted(RUNNING)), readings))
def test_whatever_a_controller_says_fits_into_the_database(values: dict[str, Reading]) -> None:
    observation = seen(BAGGER, **{name: good(value) for name, value in values.items()})

    for counter in (observation.made, observation.rejected):
        assert counter is None or 0 <= counter <= 2**53
    assert observation.product is None or 0 <= observation.product < 2**31
    assert observation.fault_bits is None or 0 <= observation.fault_bits < 2**256
    assert observation.speed is None or observation.speed >= 0
