"""The checks of settings that need no store: the environment, the data folder, and the system's limits."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gameserver import config, failpoints
from gameserver.check.finding import Finding
from gameserver.config import ENV_PREFIX, Settings
from gameserver.settings_problems import spelled

FILES_SPARE: Final = 512  # open files beyond the players' sockets: stores, listeners, sign-ins under way, the page
FREE_BYTES_MIN: Final = 64 * 1024 * 1024
_NOT_SETTINGS: Final = {failpoints.FAILPOINT, failpoints.SABOTAGE, failpoints.PERMISSION}


def check_settings(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Return the findings about the environment, the folder and the limit of open files."""
    return [*_unknown_variables(environ), *_folder(settings), *_open_files(settings)]


def files_needed(settings: Settings) -> int:
    return settings.connections_max + FILES_SPARE


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in config.unknown_variables(environ):
        if name not in _NOT_SETTINGS:
            close = config.closest_setting(name.removeprefix(ENV_PREFIX).lower())
            remedy = f"write {ENV_PREFIX}{close.upper()}" if close else "remove it; `gameserver run --help` lists all"
            yield Finding("warning", name, "there is no such setting", remedy)


def _folder(settings: Settings) -> Iterator[Finding]:
    """Look at the folder, or at the nearest one above it: the start makes those that are missing."""
    if not (settings.embedded_redis or settings.embedded_sql):
        return
    folder = settings.folder.absolute()
    remedy = f"name a folder that this user may write to ({spelled('folder')})"
    try:
        place = next(path for path in (folder, *folder.parents) if path.exists())
        _write(place)
        free_bytes = shutil.disk_usage(place).free
    except OSError as error:
        yield Finding("error", "folder", f"{folder} cannot be written to: {error.strerror}", remedy)
        return
    if free_bytes < FREE_BYTES_MIN:
        yield Finding(
            "error",
            "folder",
            f"{free_bytes // 1_000_000} MB are free at {folder}, which the embedded stores fill in no time",
            f"free {FREE_BYTES_MIN // 1_000_000} MB, or name another folder ({spelled('folder')})",
        )


def _write(folder: Path) -> None:
    """Write a file that is gone again at once."""
    with tempfile.TemporaryFile(dir=folder, prefix=".gameserver-check-") as file:
        file.write(b"\0" * 4096)
        file.flush()


def _open_files(settings: Settings) -> Iterator[Finding]:
    try:
        import resource  # not on Windows
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_needed(settings)
    if hard != resource.RLIM_INFINITY and hard < needed:
        yield Finding(
            "error",
            "connections_max",
            f"{settings.connections_max} connections need {needed} open files, and the system allows {hard}",
            f"lower it ({spelled('connections_max')}), or raise `ulimit -n`",
        )
