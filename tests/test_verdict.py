"""Whoever reads the end of a run knows which group failed, and what in it."""

from tests.verdict import verdict

PASSING = "....\n\n====== 4 passed in 1.20s ======\n"
FAILING = """\
.F
FAILED tests/oee/test_stops.py::test_a_stop_ends - assert 1 == 2
ERROR tests/oee/test_tiles.py::test_a_tile - OSError
====== 1 failed, 1 passed, 1 error in 2.00s ======
"""


def test_a_group_that_passed_is_one_line() -> None:
    assert verdict("browser", 0, PASSING) == "browser  passed        4 passed in 1.20s"


def test_a_group_that_failed_names_what_failed() -> None:
    assert verdict("stack", 1, FAILING).splitlines() == [
        "stack    FAILED        1 failed, 1 passed, 1 error in 2.00s",
        "    FAILED tests/oee/test_stops.py::test_a_stop_ends - assert 1 == 2",
        "    ERROR tests/oee/test_tiles.py::test_a_tile - OSError",
    ]


def test_a_group_that_broke_off_shows_its_last_words() -> None:
    told = verdict("rest", -9, "".join(f"line {n}\n" for n in range(40)))

    assert told.splitlines()[0].startswith("rest     FAILED")
    assert told.endswith("    line 38\n    line 39")
    assert "line 20" not in told


def test_a_group_that_the_arguments_leave_out_has_not_failed() -> None:
    assert "nothing to do" in verdict("stack", 5, "====== 2918 deselected in 3.00s ======")


def test_a_group_that_said_nothing_is_told_too() -> None:
    assert verdict("stack", 1, "") == "stack    FAILED        it said nothing"
