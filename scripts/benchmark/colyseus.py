"""Installs Colyseus with npm into a cache folder outside of the tree, where npm is at hand."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import orjson

from scripts.benchmark.machine import SERVED, MeasuringError

PACKAGES = ("@colyseus/core", "@colyseus/ws-transport", "@colyseus/schema")
NODE = "node@22"  # what this Colyseus asks for; npm brings it where the system's is older
INSTALL_S = 300


@dataclass(frozen=True, slots=True)
class Colyseus:
    folder: Path
    node: Path
    version: str


def install(folder: Path) -> Colyseus:
    """The latest version, as of when it was first installed into ``folder``. Raises MeasuringError with the reason."""
    npm = shutil.which("npm")
    if npm is None:
        raise MeasuringError("npm is missing: apt-get install npm")
    node = folder / "node_modules" / "node" / "bin" / "node"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
        _npm(npm, folder)
        if subprocess.run([node, "--version"], capture_output=True, check=False).returncode:
            raise MeasuringError(f"npm installed {NODE}, but it does not run")
        (folder / "installed").touch()
    shutil.copy(SERVED / "room.mjs", folder)
    version = orjson.loads((folder / "node_modules" / "@colyseus" / "core" / "package.json").read_bytes())["version"]
    return Colyseus(folder, node, version)


def _npm(npm: str, folder: Path) -> None:
    packages = [f"{package}@latest" for package in PACKAGES]
    command = [npm, "install", "--no-audit", "--no-fund", "--loglevel", "error", NODE, *packages]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        raise MeasuringError(f"npm took longer than {INSTALL_S} s") from None
    if done.returncode:
        raise MeasuringError(f"npm install failed: {done.stderr.strip()[-500:]}")
