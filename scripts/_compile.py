"""The work of scripts/compile after its set-up: it keeps build/compiled equal to the tree, and compiled.

Law: nothing is compiled where somebody edits. Python prefers an extension module to the .py beside it, even if the
extension is older. So in the copy, too, extensions of an older source are removed before the source changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPY = ROOT / "build" / "compiled"
NOTE = COPY / ".compiled-from"  # the fingerprint of what the extension modules were made of
SKIPPED = {"__pycache__", "build", "dist", "node_modules"}
MADE = sysconfig.get_config_var("EXT_SUFFIX")


def main() -> int:
    COPY.mkdir(parents=True, exist_ok=True)
    with (COPY.parent / "compiled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = fingerprint()
        is_made = NOTE.exists() and NOTE.read_text() == now
        if not is_made:
            forget()
        bring_up_to_date()
        if not is_made:
            if failed := compile_copy():
                return failed
            shutil.rmtree(COPY / "build")  # what was on the way
            NOTE.write_text(now)
    print(COPY)
    return 0


def fingerprint() -> str:
    """Return the fingerprint of all sources of the compiled modules, with those they import: their types are part of
    it.
    """
    digest = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()} mypy {version('mypy')}".encode())
    for name in sources(ROOT):
        if name.suffix in (".py", ".pyi", ".c") and (name.parts[0] == "gameserver" or name == Path("setup.py")):
            digest.update(f"{name}\0".encode() + (ROOT / name).read_bytes())
    digest.update((ROOT / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def forget() -> None:
    """Remove everything compiled, so that none of it is ever beside another source."""
    NOTE.unlink(missing_ok=True)
    for made in COPY.rglob(f"*{MADE}"):
        made.unlink()
    shutil.rmtree(COPY / "build", ignore_errors=True)


def bring_up_to_date() -> None:
    there = set(sources(ROOT))
    for name in set(sources(COPY)) - there:
        if not name.name.endswith(MADE):
            (COPY / name).unlink()
    for name in there:
        before, after = ROOT / name, COPY / name
        if not after.exists() or after.read_bytes() != before.read_bytes():
            after.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(before, after)


def sources(root: Path, inside: Path = Path()) -> Iterator[Path]:
    """Every file that may be part of the project, hidden and built ones left out; from ``root`` on."""
    for path in sorted((root / inside).iterdir()):
        name = inside / path.name
        if path.name.startswith(".") or path.name in SKIPPED or path.suffix == ".egg-info":
            continue
        if path.is_dir():
            yield from sources(root, name)
        else:
            yield name


def compile_copy() -> int:
    """The exit code; what the compilers say is shown when it is not 0."""
    say("compiling the hot path into build/compiled (takes one to three minutes)")
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    environment = os.environ | {"GAMESERVER_COMPILE": "1"}
    ended = subprocess.run(
        command, cwd=COPY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ended.returncode:
        print(ended.stdout, file=sys.stderr)
        say("it does not compile, see above")
    return ended.returncode


def say(line: str) -> None:
    print(f"scripts/compile: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
