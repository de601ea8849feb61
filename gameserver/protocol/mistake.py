"""A mistake in a game's code: the place in the author's file, the problem, and the remedy, in one line.

Nothing here runs while a game is right: files are read and frames are walked only to tell about a mistake.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

_OURS = "gameserver"
_OUR_GAMES = ("gameserver.demo",)  # written as other people's games are
_SHOWN_MAX = 40  # characters of a value


class GameError(TypeError):
    """Raised where a game's code is wrong. ``str()`` gives "where: problem; remedy" in one line."""

    def __init__(self, where: str, problem: str, remedy: str):
        super().__init__(" ".join(f"{where}: {problem}; {remedy}".split()))
        self.where = where
        self.problem = problem
        self.remedy = remedy


class GameValueError(GameError, ValueError):
    """A value of the right type that cannot be kept or sent."""


class GameNameError(GameError, AttributeError):
    """A name that was never declared."""


def place_of_class(cls: type, member: str = "") -> str:
    """Return "tag.py:12 Tally.gold": the file and line where the class, or a name assigned in it, is written."""
    name = f"{cls.__name__}.{member}" if member else cls.__name__
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    line = _line_of(file, cls.__qualname__, member) if file else None
    return f"{shown_file(file)}:{line} {name}" if file and line else name


def place_of_function(function: Any, name: str = "") -> str:
    """Return "tag.py:12 Tag.steer" for a function, also one that is wrapped."""
    name = name or getattr(function, "__qualname__", repr(function)).rpartition("<locals>.")[2]
    while code_of(function) is None and (inner := _inner(function)) is not None:
        function = inner
    code = code_of(function)
    return f"{shown_file(code.co_filename)}:{code.co_firstlineno} {name}" if code is not None else name


def place_of_caller(name: str) -> str:
    """Return "tag.py:12 name" for the author's line that is running."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return f"{shown_file(frame.f_code.co_filename)}:{frame.f_lineno} {name}"


def closest(name: object, names: Iterator[str] | list[str] | tuple[str, ...]) -> str | None:
    """Return the name of ``names`` that was probably meant."""
    near = get_close_matches(str(name), list(names), n=1, cutoff=0.6)
    return near[0] if near else None


def shown(value: object) -> str:
    """Return the value as one short piece of a line."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    try:
        text = ascii(value)
    except Exception:  # the author's own __repr__
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"


def shown_file(file: str) -> str:
    """Return the path as the author knows it: from the folder on the import path that it lies in."""
    folders = (folder.rstrip("/") + "/" for folder in sys.path if folder)
    inside = [folder for folder in folders if file.startswith(folder)]
    return file[len(max(inside, key=len)) :] if inside else file


def code_of(function: Any) -> Any:
    """Return the code object of a plain function, else None."""
    return getattr(function, "__code__", None)


def _inner(function: Any) -> Any:
    inside = (getattr(function, name, None) for name in ("__wrapped__", "__func__", "func"))
    return next((inner for inner in inside if inner is not None), None)


def _is_ours(module: str) -> bool:
    return (module == _OURS or module.startswith(f"{_OURS}.")) and module not in _OUR_GAMES


def _line_of(file: str, qualname: str, member: str) -> int | None:
    try:
        tree: ast.AST = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
    line = None
    for name in qualname.replace("<locals>.", "").split("."):
        found = [node for node in ast.walk(tree) if isinstance(node, _NAMED) and node.name == name]
        if not found:
            return line
        tree, line = found[-1], found[-1].lineno
    named = (node for node in ast.iter_child_nodes(tree) if isinstance(node, ast.stmt) and member in _names(node))
    return next((node.lineno for node in named), line)


_NAMED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _names(node: ast.AST) -> set[str]:
    """The names that a statement of a class's body gives."""
    if isinstance(node, _NAMED):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}
