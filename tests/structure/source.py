"""The source as the rules see it: files below a root, and syntax trees of the Python ones."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SKIPPED = {"__pycache__", "build", "dist", "node_modules"}
TEXT = {".py", ".js", ".css", ".html", ".md", ".toml", ".yaml", ".lua", ".txt", ".svg", ".json", ""}


class Module(NamedTuple):
    """One Python file of the package. ``part`` is its folder (or its own name, right under the package)."""

    path: str  # from the root, with slashes
    part: str
    tree: ast.Module
    lines: int


class Import(NamedTuple):
    line: int
    name: str  # dotted, absolute; of ``from a import b`` this is ``a.b``
    runs: bool = True  # False below ``if TYPE_CHECKING``: it names a type and brings nothing in


def files(root: Path) -> Iterator[Path]:
    """Every file that may be part of the project, hidden and built ones left out (.ci is ours)."""
    for path in sorted(root.iterdir()):
        if path.name in SKIPPED or path.suffix == ".egg-info" or (path.name.startswith(".") and path.name != ".ci"):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def texts(root: Path) -> Iterator[tuple[str, str]]:
    for path in files(root):
        if path.suffix in TEXT:
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def modules(root: Path, package: str = "gameserver") -> Iterator[Module]:
    for path in files(root / package):
        if path.suffix != ".py":
            continue
        inside = path.relative_to(root / package).parts
        text = path.read_text(encoding="utf-8")
        yield Module(
            path.relative_to(root).as_posix(), inside[0].removesuffix(".py"), ast.parse(text), len(text.splitlines())
        )


def imports(module: Module) -> Iterator[Import]:
    """Every import, wherever it stands: in a function or for types only as well."""
    for_types = set(_for_types(module.tree))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, node not in for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(module, node)
            yield from (Import(node.lineno, f"{origin}.{alias.name}", node not in for_types) for alias in node.names)


def _for_types(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from (inner for statement in node.body for inner in ast.walk(statement))


def is_vendor(name: str) -> bool:
    top = name.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in ("gameserver", "client_demo")


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    above = module.path.split("/")[: -node.level]
    return ".".join([*above, *([node.module] if node.module else [])])
