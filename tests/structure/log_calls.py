"""Log calls of the source, read from its syntax trees: event, level and fields of each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.structure.source import Module, modules

LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "exception": "error",  # with a traceback
    "critical": "critical",
}
OTHER_METHODS = {"log", "msg", "warn", "fatal", "bind"}


class LogCall(NamedTuple):
    path: str
    line: int
    logger: str  # the name that the module gives its logger
    level: str  # empty for a method that is not in LEVELS
    events: tuple[str | None, ...]  # two of a conditional expression; None for what is no literal
    arguments: int  # without a name, after the event
    fields: tuple[str | None, ...]  # None for ``**fields``


def log_calls(root: Path) -> Iterator[LogCall]:
    for package in ("gameserver", "client_demo"):
        for module in modules(root, package):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_logged(node.func):
                    yield _read(module, node, node.func)


def loggers(root: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the path, the line and the text of each assignment of a logger."""
    for package in ("gameserver", "client_demo"):
        for module in modules(root, package):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Assign) and "structlog.get_logger" in ast.unparse(node.value):
                    yield module.path, node.lineno, ast.unparse(node)


def _is_logged(method: ast.Attribute) -> bool:
    owner = method.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return name.lower().strip("_") in ("log", "logger") and method.attr in LEVELS.keys() | OTHER_METHODS


def _read(module: Module, call: ast.Call, method: ast.Attribute) -> LogCall:
    return LogCall(
        module.path,
        call.lineno,
        ast.unparse(method.value),
        LEVELS.get(method.attr, ""),
        tuple(_events(call.args[0])) if call.args else (),
        len(call.args) - 1,
        tuple(keyword.arg for keyword in call.keywords),
    )


def _events(node: ast.expr) -> Iterator[str | None]:
    if isinstance(node, ast.IfExp):
        yield from (*_events(node.body), *_events(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        yield None
