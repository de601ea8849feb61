"""The command ``gameserver``: run, migrate, check-config. Every setting is a flag.

Turns arguments into Settings and a game class, and hands over to app.serve. Exit codes: 0 done (or drained), 1 it could
not be done, 2 the command or a setting is wrong; then one line for each problem.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from gameserver import config, failpoints, settings_table
from gameserver.config import Settings, SettingsError, hide_passwords
from gameserver.observability import logs
from gameserver.settings_table import SettingRow

if TYPE_CHECKING:
    from gameserver.simulation.game import Game

Result = TypeVar("Result")

FILES_SPARE = 512  # open files beyond the players' sockets: stores, listeners, sign-ins under way, the page
_LISTEN_ERRORS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)
_NOT_SETTINGS = ("command", "config", "ready_file", "markdown")


class CommandError(Exception):
    """What was asked for cannot be done; the text says why, for a person."""

    def __init__(self, text: str, exit_code: int = 1):
        super().__init__(text)
        self.exit_code = exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = _settings(given)
        commands: dict[str, Callable[[argparse.Namespace, Settings], None]] = {
            "run": _run,
            "migrate": _migrate,
            "check-config": _check_config,
        }
        commands[given.command](given, settings)
    except SettingsError as error:
        return _tell(error.problems, 2)
    except CommandError as error:
        return _tell([str(error)], error.exit_code)
    except KeyboardInterrupt:
        return _tell(["interrupted before it was serving"], 1)
    return 0


def load_game(spec: str) -> type[Game]:
    """Return the class that ``module:Class`` names, looked for in the current folder first. Raises CommandError."""
    from gameserver.check import loading  # here and not above: --help and check-config need no game

    try:
        return loading.load_game(spec)
    except loading.GameNotLoaded as error:
        raise CommandError(str(error), 1 if error.is_broken else 2) from None


# --- the commands ---


def _run(given: argparse.Namespace, settings: Settings) -> None:
    logs.configure(settings.log_format, settings.log_level)
    _warn_of_unknown_variables()
    _arm_failpoints()
    game = load_game(settings.game)
    _allow_open_files(settings.connections_max + FILES_SPARE)
    _prepare_folder(settings)
    _await(_serve(settings, game, getattr(given, "ready_file", None)))


def _migrate(_given: argparse.Namespace, settings: Settings) -> None:
    logs.configure(settings.log_format, settings.log_level)
    _prepare_folder(settings)
    applied = _await(_migrated(settings))
    print(
        "\n".join(f"applied {revision}" for revision in applied)
        or "nothing to do: the tables are those of this version"
    )


def _check_config(given: argparse.Namespace, settings: Settings) -> None:
    if given.markdown:
        print(settings_table.markdown())
        return
    _warn_of_unknown_variables()
    print("# The settings as they are in effect; secrets are hidden.")
    for name, value in settings.redacted().items():
        print(f"{name} = {orjson.dumps(value).decode()}" if value is not None else f"# {name} is not set")


async def _serve(settings: Settings, game: type[Game], ready_file: Path | None) -> None:
    # here and not above: the other commands need none of the server
    from gameserver import app
    from gameserver.embedded import EmbeddedValkeyError
    from gameserver.profiles.database import ProfilesUnavailable
    from gameserver.session.lease import NodeNameInUse
    from gameserver.store.connection import StoreUnavailable

    await _ensure_tables(settings)
    try:
        await app.serve(settings, game, on_ready=partial(_announce, ready_file))
    except NodeNameInUse as error:
        raise CommandError(str(error), 2) from None
    except (StoreUnavailable, ProfilesUnavailable, EmbeddedValkeyError, app.NodeNameLost) as error:
        raise CommandError(hide_passwords(str(error))) from None
    except OSError as error:
        if error.errno not in _LISTEN_ERRORS:
            raise
        raise CommandError(f"cannot listen: {error.strerror or error}") from None


async def _ensure_tables(settings: Settings) -> None:
    """The tables are those of this version, or a CommandError says what to do."""
    from gameserver.profiles.migrate import newest_revision

    if settings.embedded_sql or settings.migrate_on_start:
        await _migrated(settings)
        return
    found, wanted = await _profiles_call(newest_revision(settings.effective_sql_url))
    if found != wanted:
        has = f"is at revision {found}" if found else "has no tables yet"
        raise CommandError(
            f"the SQL database {has}, this version needs {wanted}: run `gameserver migrate`, or set migrate_on_start"
        )


async def _migrated(settings: Settings) -> list[str]:
    from gameserver.profiles.migrate import migrate

    return await _profiles_call(migrate(settings.effective_sql_url))


async def _profiles_call(call: Coroutine[Any, Any, Result]) -> Result:
    from gameserver.profiles.database import ProfilesUnavailable

    try:
        return await call
    except ProfilesUnavailable as error:
        raise CommandError(hide_passwords(str(error))) from None
    except ValueError as error:  # a URL that profiles does not support
        raise CommandError(f"sql_url: {hide_passwords(str(error))}", 2) from None


# --- around them ---


def _settings(given: argparse.Namespace) -> Settings:
    flags = {name: value for name, value in vars(given).items() if name not in _NOT_SETTINGS}
    return config.load(flags, getattr(given, "config", None))


def _await(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, on uvloop where there is one."""
    try:
        import uvloop  # no wheels for Windows
    except ImportError:
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    else:
        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(work)


def _announce(ready_file: Path | None, url: str) -> None:
    """Called once players can connect."""
    print(f"\n  Play: {url}\n", flush=True)
    if ready_file is not None:
        part = ready_file.with_name(ready_file.name + ".part")
        part.write_text(url + "\n", encoding="utf-8")
        part.replace(ready_file)  # whoever waits for the file finds it whole


def _arm_failpoints() -> None:
    try:
        failpoints.arm(os.environ)
    except ValueError as error:
        raise CommandError(str(error), 2) from None


def _prepare_folder(settings: Settings) -> None:
    if not (settings.embedded_redis or settings.embedded_sql):
        return
    try:
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"folder: {settings.folder} cannot be made: {error.strerror}") from None


def _allow_open_files(files: int) -> None:
    """A socket is an open file, and many systems allow 1024 unless asked for more."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        raise CommandError(
            f"connections_max needs {files} open files, the system allows {hard}: lower it, or raise `ulimit -n`", 2
        )
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def _warn_of_unknown_variables() -> None:
    for name in {*config.unknown_variables()} - {failpoints.FAILPOINT, failpoints.SABOTAGE, failpoints.PERMISSION}:
        _tell([f"warning: {name} is in the environment, but there is no such setting"], 0)


def _tell(lines: list[str], exit_code: int) -> int:
    for line in lines:
        print(f"gameserver: {line}", file=sys.stderr)
    return exit_code


# --- arguments ---


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gameserver", description="A multiplayer game server.", allow_abbrev=False, epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"gameserver {version('gameserver')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = _command(commands, "run", "serve players until SIGTERM or Ctrl-C, then save every session")
    run.add_argument("game", nargs="?", metavar="module:Class", default=argparse.SUPPRESS, help="the game to run")
    run.add_argument("--ready-file", type=Path, metavar="FILE", help="write the page's address here once it is served")
    _command(commands, "migrate", "bring the SQL database to this version's tables")
    check = _command(commands, "check-config", "print the settings in effect, secrets hidden, or what is wrong")
    check.add_argument("--markdown", action="store_true", help=argparse.SUPPRESS)
    return parser


_EPILOG = "`gameserver COMMAND --help` lists the settings, which are the same for every command."
_SETTINGS_HELP = """\
Each setting is a flag, a variable and a key: --grace-s 30, GAMESERVER_GRACE_S=30, or grace_s = 30 in the file.
The flag wins over the variable, and the variable over the file.
"""


def _command(commands: Any, name: str, purpose: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=purpose,
        usage=f"gameserver {name}{' [module:Class]' if name == 'run' else ''} [--config FILE] [--SETTING VALUE ...]",
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=_SETTINGS_HELP,
        allow_abbrev=False,
    )
    file_help = f"a TOML file with settings (or {config.CONFIG_VARIABLE})"
    parser.add_argument("--config", type=Path, metavar="FILE", help=file_help)
    for group, rows in groupby(settings_table.describe(), key=lambda row: row.group):
        arguments = parser.add_argument_group(group)
        for row in rows:
            _add_setting(arguments, row)
    return parser


def _add_setting(group: Any, row: SettingRow) -> None:
    options: dict[str, Any] = {"dest": row.name, "default": argparse.SUPPRESS, "help": _help(row).replace("%", "%%")}
    if row.is_switch:
        short = ["--migrate"] if row.name == "migrate_on_start" else []
        group.add_argument(row.flag, *short, action=argparse.BooleanOptionalAction, **options)
    else:
        group.add_argument(row.flag, metavar=row.name.rpartition("_")[2].upper(), **options)


def _help(row: SettingRow) -> str:
    notes = [row.range, f"default {row.default}" if row.default else ""]
    told = "; ".join(note for note in notes if note)
    return f"{row.description} ({told})" if told else row.description
