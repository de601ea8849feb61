"""Everything is told in pyproject.toml but for this: with GAMESERVER_COMPILE=1 in the environment the modules below are
compiled to machine code by mypyc, from the same source. It takes a C compiler. Without it nothing is compiled.

A compiled module is found before the .py beside it, so nothing is built where somebody edits: see scripts/compile.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

from setuptools import Extension, setup

# What a player's tick passes through, and what looks at all sessions now and then; gameserver/speedups/in_c.c comes to
# it. Left out: what games subclass (game, state), and what is called seldom. mypyc compiles no async generators, and a
# library may want functions of Python's own: both live elsewhere.
COMPILED = {
    "": "rate_limit",
    "edge": "connection door fanout frames limits outbox pollers ring senders server sockets tally wire",
    "link": "audiences local",
    "live": "batch tick_writer",
    "protocol": "codec world_frame",
    "session": "answers departures dispatch flight pointer_watch publisher record registry session write_behind",
    "simulation": "calls inbox inputs loop phases restarts result routes stopwatch tick zone_runner zones",
    "store": "pipeline resp",
    "world": "action_log distant_cells entity grid inventory journal speech view zone zone_internals",
}
MYPY = "mypy==2.4.1"  # as in scripts/constraints.txt


def compiled() -> dict[str, object]:
    """What setuptools needs to know to compile; it reads types, so it needs what is imported."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {"setup_requires": [MYPY, *project["dependencies"]]}
    try:
        from mypyc.build import mypycify
    except ImportError:  # asked for what is needed, which comes first
        return needed
    named = ((folder, name) for folder, names in COMPILED.items() for name in names.split())
    paths = [str(Path("gameserver", folder, f"{name}.py")) for folder, name in named]
    in_c = ["gameserver/speedups/in_c.c"]
    by_hand = Extension("gameserver.speedups.in_c", in_c, extra_compile_args=["-O3"], libraries=["m"])
    modules = mypycify(paths, opt_level="3", group_name="gameserver")
    return needed | {"ext_modules": [*modules, by_hand] if sys.platform == "linux" else modules}


if os.environ.get("GAMESERVER_COMPILE") != "1":
    setup()
elif "editable_wheel" in sys.argv or "develop" in sys.argv:
    raise SystemExit("GAMESERVER_COMPILE=1: what is edited is not compiled. See scripts/compile.")
else:
    setup(**compiled())
