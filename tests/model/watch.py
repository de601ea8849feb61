"""Watch over the server's logs and failpoints: a line of an error is a bug of ours, and a failpoint kills the model's
process that reached it, not the one that runs the test."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.exceptions import DropEvent

from gameserver import failpoints
from tests.model.book import Book


@contextmanager
def over(book: Book, this_dies: Callable[[], None]) -> Iterator[None]:
    def note(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        book.check("no bugs", False, f"logged: {line}")
        raise DropEvent

    before, die = structlog.get_config(), failpoints._die
    structlog.configure(
        processors=[structlog.processors.format_exc_info, note],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    failpoints._die = this_dies
    try:
        yield
    finally:
        failpoints._die = die
        structlog.configure(**before)
