"""Time that nobody saw."""

from hypothesis import given
from hypothesis import strategies as st

from oee.domain.unseen import Sight, Span, cut, unseen, without

LONG = 1000
moments = st.lists(st.integers(0, LONG), max_size=8, unique=True).map(sorted)
sights = moments.flatmap(
    lambda found: st.tuples(*(st.builds(Sight, st.just(at), st.booleans()) for at in found)).map(list)
)
spans = st.lists(st.tuples(st.integers(0, LONG), st.integers(1, 200)).map(lambda p: (p[0], p[0] + p[1])), max_size=6)


def inside(moment: int, found: list[Span]) -> bool:
    return any(start <= moment < end for start, end in found)


@given(sights, st.integers(0, LONG), st.integers(0, LONG))
def test_a_moment_is_unseen_unless_the_last_word_before_it_said_seen(
    story: list[Sight], seen_until: int, moment: int
) -> None:
    said = [sight.is_seen for sight in story if sight.at <= moment]
    is_seen = bool(said) and said[-1] and moment < seen_until

    found = unseen(story, seen_until, 0, LONG + 1)

    assert inside(moment, found) == (not is_seen)


def test_a_machine_that_was_never_seen_is_unseen_all_the_time() -> None:
    assert unseen([], None, 0, 10) == [(0, 10)]


@given(spans, spans, st.integers(0, LONG + 300))
def test_what_is_left_lies_in_the_one_and_not_in_the_other(left: list[Span], taken: list[Span], moment: int) -> None:
    assert inside(moment, without(left, taken)) == (inside(moment, left) and not inside(moment, taken))


def test_pieces_end_with_the_hour_and_short_ones_are_left_out() -> None:
    assert cut([(50, 130), (195, 204)], [(0, 100), (100, 200), (200, 300)], 10) == [(50, 100), (100, 130)]
