"""Structured logs: one line an event on stderr, JSON for machines or aligned text for people.

Everything goes through here, also what libraries log. Law: no secret reaches a line, neither as a field, nor inside a
URL, nor in a traceback; and no line can be forged by what a client sends.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gameserver.config import hide_passwords

HIDDEN = "***"

_SECRET_NAMES = frozenset({"password", "secret", "token", "authorization", "cookie", "credentials"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline, which tracebacks have
_TALKATIVE = ("aiosqlite", "alembic", "asyncio", "sqlalchemy", "websockets")  # below warning they tell us nothing


def configure(format: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs to ``stream`` (stderr). ``format``: auto, json or console; ``level``: debug to error. Call it once,
    before the first line; calling it again replaces what was set."""
    stream = stream or sys.stderr
    as_text = format == "console" or (format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(as_text, coloured=as_text and stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a logger made before this call follows it too
    )


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor: hides the values of secret names, however deep, and passwords inside URLs."""
    return {name: HIDDEN if _is_secret(name) else _redacted(value) for name, value in event.items()}


def escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor for text: what a client chose must not move the operator's cursor or begin a line of its own. The
    renderer escapes all fields but these two."""
    if isinstance(message := event.get("event"), str):
        event["event"] = _escaped(message).replace("\n", "\\n")
    if isinstance(trace := event.get("exception"), str):
        event["exception"] = _escaped(trace)
    return event


def _common() -> list[Processor]:
    """Return the steps for every line, ours or a library's. Redaction is last, so it sees the traceback too."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # without local variables: they hold passwords
        redact,
    ]


def _formatter(as_text: bool, coloured: bool) -> logging.Formatter:
    renderers: list[Processor] = (
        [escape, structlog.dev.ConsoleRenderer(colors=coloured, repr_native_str=True)]
        if as_text
        else [structlog.processors.JSONRenderer(serializer=_as_json)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_common(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    )


def _as_json(event: EventDict, **_options: Any) -> str:
    """One line of JSON. A value that JSON or UTF-8 cannot hold appears as text, because no line may be lost."""
    options = orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(event, default=repr, option=options).decode()
    except TypeError:  # a number of more than 64 bits, or half of a surrogate pair
        plain = {ascii(name)[1:-1]: value if value is None else ascii(value) for name, value in event.items()}
        return orjson.dumps(plain, option=options).decode()


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _is_secret(name: object) -> bool:
    """``token``, ``resume_token``, ``Authorization``; not ``tokens_left``."""
    return str(name).lower().replace("-", "_").rpartition("_")[2] in _SECRET_NAMES


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return hide_passwords(value)
    if isinstance(value, Mapping):
        return {name: HIDDEN if _is_secret(name) else _redacted(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return hide_passwords(str(value))  # a struct shows its fields, and one may be a password
