"""One glance at the plant: within it, the same question is put to the database once.

Several tiles of a line are drawn at the same moment and ask for the same shift, machine and calendar; an overview asks
for those of every line. Outside a glance nothing is remembered.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
K = TypeVar("K")

_answers: ContextVar[dict[Any, Any] | None] = ContextVar("answers", default=None)


@contextmanager
def one_glance() -> Iterator[None]:
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def once(question: Callable[P, R]) -> Callable[P, R]:
    """Answer from memory inside a glance. Positional arguments that can be hashed; rows count as the same by key."""

    @wraps(question)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        answers = _answers.get()
        if answers is None or kwargs:
            return question(*args, **kwargs)
        key = (question, args)
        if key not in answers:
            answers[key] = question(*args, **kwargs)
        answer: R = answers[key]
        return answer

    return asked


class AskedForMany(Generic[K, R]):
    """A question that is answered for many keys as cheaply as for one; asked for one key, once in a glance.

    Decorates the function that takes the keys and returns the answer to each.
    """

    def __init__(self, answer_all: Callable[[Sequence[K]], Mapping[K, R]]) -> None:
        self.answer_all = answer_all

    def __call__(self, key: K) -> R:
        answers = _answers.get()
        if answers is None:
            return self.answer_all([key])[key]
        self.foresee([key])
        answer: R = answers[self, key]
        return answer

    def foresee(self, keys: Iterable[K]) -> None:
        """Ask for all these keys now, so that nobody has to ask for each later in this glance."""
        answers = _answers.get()
        if answers is None:
            return
        if new := [key for key in dict.fromkeys(keys) if (self, key) not in answers]:
            answers.update({(self, key): answer for key, answer in self.answer_all(new).items()})
