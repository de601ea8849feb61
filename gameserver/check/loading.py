"""The game class that ``module:Class`` names. Where it cannot be had, one line says why and what to write instead."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType, TracebackType

from gameserver.protocol.message_class import first_line
from gameserver.protocol.mistake import GameError, closest, shown_file
from gameserver.simulation.game import Game

_OURS = f"{Path(__file__).parents[1]}{os.sep}"


class GameNotLoaded(Exception):  # noqa: N818
    """``str()`` is one line. ``is_broken``: the module is there, and raises."""

    def __init__(self, text: str, *, is_broken: bool = False):
        super().__init__(" ".join(text.split()))
        self.is_broken = is_broken


def load_game(spec: str) -> type[Game]:
    """Return the class. Modules are looked for in the current folder first. Raises GameNotLoaded."""
    module_name, _, class_name = spec.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    _check_spelling(spec, module_name, class_name)
    module = _import(module_name)
    if not class_name:
        raise GameNotLoaded(f"{spec} names no class; {_classes_of(module, module_name)}")
    game = getattr(module, class_name, None)
    if game is None:
        raise GameNotLoaded(f"the module {module_name} has no class {class_name}; {_classes_of(module, module_name)}")
    if game is Game:
        raise GameNotLoaded(f"{spec} is gameserver's own Game; {_classes_of(module, module_name)}")
    if not isinstance(game, type) or not issubclass(game, Game):
        raise GameNotLoaded(f"{spec} is no subclass of gameserver.Game; write class {class_name}(Game)")
    return game


def _check_spelling(spec: str, module_name: str, class_name: str) -> None:
    """A file or a path where a module belongs."""
    path = module_name.removesuffix(".py").replace(os.sep, ".").strip(".")
    if path != module_name and path:
        raise GameNotLoaded(f"{spec} names a file; write {path}:{class_name or 'Class'}")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise GameNotLoaded(f"{spec} names no module; write module:Class, as in tag:Tag for class Tag in tag.py")


def _import(module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except GameError as error:
        raise GameNotLoaded(str(error), is_broken=True) from error
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            missing = f"{_line_of(error, module_name)}: there is no module {error.name}; install it into {sys.prefix}"
            raise GameNotLoaded(missing, is_broken=True) from error
        raise GameNotLoaded(_not_found(module_name, error.name)) from None
    except SyntaxError as error:
        where = f"{shown_file(error.filename)}:{error.lineno}" if error.filename else module_name
        raise GameNotLoaded(f"{where}: {error.msg}; correct the line", is_broken=True) from error
    except Exception as error:  # the game's own module may raise anything
        problem = f"{_line_of(error, module_name)}: {type(error).__name__}: {first_line(error)}"
        raise GameNotLoaded(f"{problem}; correct the line", is_broken=True) from error
    except SystemExit as error:
        problem = f"{_line_of(error, module_name)}: ends the program when it is imported"
        raise GameNotLoaded(f'{problem}; put that below if __name__ == "__main__"', is_broken=True) from error


def _line_of(error: BaseException, module_name: str) -> str:
    """The author's line that raised: the last one that is no library's and not ours."""
    lines = [f"{shown_file(file)}:{line}" for file, line in _lines(error.__traceback__) if _is_authors(file)]
    return lines[-1] if lines else module_name


def _lines(trace: TracebackType | None) -> list[tuple[str, int]]:
    lines = []
    while trace is not None:
        lines.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return lines


def _is_authors(file: str) -> bool:
    return not (file.startswith(("<", _OURS, os.path.dirname(os.__file__))) or "site-packages" in file)


def _not_found(module_name: str, missing: str) -> str:
    """The folders that were looked in, and a file of that name, or nearly so, in another."""
    here = os.getcwd()
    others = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder and folder != here]
    text = f"there is no module {missing} in {' or '.join((here, *others))}, nor is one installed"
    file = f"{module_name.replace('.', os.sep)}.py"
    inside = sorted(path for path in Path(here).glob(f"*/{file}") if not path.parts[-2].startswith("."))
    if inside:
        return f"{text}; {inside[0].relative_to(here)} has that name: run this in {inside[0].parent.name}"
    near = closest(module_name, [path.stem for path in Path(here).glob("*.py")])
    remedy = f"write {near}" if near else f"run this in the folder that has {file.split(os.sep)[0]}"
    return f"{text}; {remedy}"


def _classes_of(module: ModuleType, module_name: str) -> str:
    """Name the game classes of the module, for the message that asks for one of them."""
    games = [name for name, member in vars(module).items() if _is_game_of(member, module)]
    return f"write {' or '.join(f'{module_name}:{name}' for name in games)}" if games else "write class Tag(Game) in it"


def _is_game_of(member: object, module: ModuleType) -> bool:
    return isinstance(member, type) and issubclass(member, Game) and member.__module__ == module.__name__
