"""One glance at the plant: within it, the same question is put to the database once.

Several tiles of a line are drawn at the same moment and ask for the same shift, machine and calendar. Outside a glance
nothing is remembered.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

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
