"""The command ``gameserver``: run, check, check-config, migrate. Every setting is a flag.

Turns arguments into Settings and a game class, and hands over to app.serve. Exit codes: 0 done (or drained), 1 it could
not be done, 2 the command or a setting is wrong; then one line for each problem.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import structlog

from gameserver import config, failpoints, settings_table
from gameserver.config import Settings, SettingsError, hide_passwords
from gameserver.observability import logs
from gameserver.settings_problems import closest
from gameserver.settings_table import SettingRow

if TYPE_CHECKING:
    from gameserver.check.finding import Finding
    from gameserver.simulation.game import Game

Result = TypeVar("Result")

log = structlog.get_logger(__name__)
_NOT_SETTINGS = ("command", "config", "ready_file", "markdown")


class CommandError(Exception):
    """A command cannot be done; the text says why, for a person."""

    def __init__(self, text: str, exit_code: int = 1):
        super().__init__(text)
        self.exit_code = exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    given = _parsed(arguments)
    try:
        settings = _settings(given)
        commands: dict[str, Callable[[argparse.Namespace, Settings], int]] = {
            "run": _run,
            "check": _check,
            "check-config": _check_config,
            "migrate": _migrate,
        }
        return commands[given.command](given, settings)
    except SettingsError as error:
        return _tell(error.problems, 2)
    except CommandError as error:
        return _tell([str(error)], error.exit_code)
    except KeyboardInterrupt:
        return _tell(["interrupted before it was serving"], 1)


def load_game(spec: str) -> type[Game]:
    """Return the class that ``module:Class`` names, looked for in the current folder first. Raises CommandError."""
    from gameserver.check import loading  # here and not above: --help and check-config need no game

    try:
        return loading.load_game(spec)
    except loading.GameNotLoaded as error:
        raise CommandError(str(error), 1 if error.is_broken else 2) from None


# --- the commands ---


def _run(given: argparse.Namespace, settings: Settings) -> int:
    logs.configure(settings.log_format, settings.log_level)
    _arm_failpoints()
    game = load_game(settings.game)
    return _await(_serve(settings, game, getattr(given, "ready_file", None)))


def _check(_given: argparse.Namespace, settings: Settings) -> int:
    """Print one line for each finding. A game that cannot be loaded does not hide what else there is to say."""
    logs.configure(settings.log_format, "error")
    problem, game = None, None
    try:
        game = load_game(settings.game)
    except CommandError as error:
        problem = error
    found = _await(_findings(settings, game))
    for finding in found:
        print(f"{finding.severity}: {hide_passwords(str(finding))}")
    if problem is not None:
        print(f"error: game: {problem}")
    if not found and problem is None:
        print("settings, stores and game are well: nothing found")
    return 2 if problem is not None or _has_errors(found) else 0


def _check_config(given: argparse.Namespace, settings: Settings) -> int:
    """Print the settings, and check what needs neither a store nor a port."""
    if given.markdown:
        print(settings_table.markdown())
        return 0
    from gameserver.check.game import check_game
    from gameserver.check.settings import check_settings

    print("# The settings as they are in effect; secrets are hidden.")
    for name, value in settings.redacted().items():
        print(f"{name} = {orjson.dumps(value).decode()}" if value is not None else f"# {name} is not set")
    found = [*check_settings(settings), *check_game(load_game(settings.game))]
    return _tell([f"{finding.severity}: {finding}" for finding in found], 2 if _has_errors(found) else 0)


def _migrate(_given: argparse.Namespace, settings: Settings) -> int:
    logs.configure(settings.log_format, settings.log_level)
    _prepare_folder(settings)
    applied = _await(_migrated(settings))
    print(
        "\n".join(f"applied {revision}" for revision in applied)
        or "nothing to do: the tables are those of this version"
    )
    return 0


async def _serve(settings: Settings, game: type[Game], ready_file: Path | None) -> int:
    """Check, then serve until the end. An error that is found keeps the server from starting."""
    # here and not above: the other commands need none of the server
    from gameserver import app
    from gameserver.check.ports import cannot_listen
    from gameserver.embedded import EmbeddedValkeyError, FilesInUse
    from gameserver.listening import CannotListen
    from gameserver.session.lease import NodeNameInUse
    from gameserver.simulation.zone_runner import StartFailed
    from gameserver.sql.database import ProfilesUnavailable
    from gameserver.store.connection import StoreUnavailable

    found = await _findings(settings, game, is_start=True)
    if _has_errors(found):
        return _tell([hide_passwords(str(finding)) for finding in found if finding.severity == "error"], 2)
    for finding in found:
        log.warning("check_warning", where=finding.where, problem=finding.problem, remedy=finding.remedy)
    _prepare(settings)
    if settings.embedded_sql or settings.migrate_on_start:
        await _migrated(settings)
    try:
        await app.serve(settings, game, on_ready=partial(_announce, ready_file))
    except (NodeNameInUse, FilesInUse) as error:
        raise CommandError(str(error), 2) from None
    except CannotListen as error:
        raise CommandError(str(cannot_listen(settings, error)), 2) from None
    except StartFailed as error:
        log.exception("start_failed")
        raise CommandError(str(error)) from None
    except (StoreUnavailable, ProfilesUnavailable, EmbeddedValkeyError, app.NodeNameLost) as error:
        raise CommandError(hide_passwords(str(error))) from None
    return 0


async def _findings(settings: Settings, game: type[Game] | None, *, is_start: bool = False) -> list[Finding]:
    from gameserver.check.start import check_start

    return await check_start(settings, game, is_start=is_start)


def _has_errors(found: list[Finding]) -> bool:
    return any(finding.severity == "error" for finding in found)


async def _migrated(settings: Settings) -> list[str]:
    """Bring the tables to this version and return the revisions applied. Raises CommandError."""
    from gameserver.sql.database import ProfilesUnavailable
    from gameserver.sql.migrate import migrate

    try:
        return await migrate(settings.effective_sql_url)
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


def _prepare(settings: Settings) -> None:
    from gameserver.check.settings import files_needed

    _allow_open_files(files_needed(settings))
    _prepare_folder(settings)


def _prepare_folder(settings: Settings) -> None:
    if not (settings.embedded_redis or settings.embedded_sql):
        return
    try:
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"folder: {settings.folder} cannot be made: {error.strerror}") from None


def _allow_open_files(files: int) -> None:
    """A socket is an open file, and many systems allow 1024 unless asked for more. The check has found the hard limit
    high enough."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def _tell(lines: list[str], exit_code: int) -> int:
    for line in lines:
        print(f"gameserver: {line}", file=sys.stderr)
    return exit_code


# --- arguments ---


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command with its arguments. Ends the program with 2 if there is one too many, and names the flag that
    was likely meant."""
    parser = _parser()
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        flags = [argument for argument in unknown if argument.startswith("-")]  # behind one may stand its value
        problems = [_unknown_flag(flag) for flag in flags] or [f"{unknown[0]} is one argument too many."]
        parser.error(f"{' '.join(problems)} `gameserver {given.command} --help` lists all.")
    return given


def _unknown_flag(argument: str) -> str:
    flag, _, value = argument.partition("=")
    near = closest(flag, ["--config", "--ready-file", *(row.flag for row in settings_table.describe())])
    if near is None:
        return f"there is no flag {flag}."
    return f"there is no flag {flag}; did you mean {near}{'=' + value if value else ''}?"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gameserver", description="A multiplayer game server.", allow_abbrev=False, epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"gameserver {version('gameserver')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = _command(commands, "run", "serve players until SIGTERM or Ctrl-C, then save every session")
    run.add_argument("--ready-file", type=Path, metavar="FILE", help="write the page's address here once it is served")
    _command(commands, "check", "report what would go wrong: in the settings, the stores and the game")
    _command(commands, "migrate", "bring the SQL database to this version's tables")
    check = _command(commands, "check-config", "print the settings in effect, secrets hidden, and load the game")
    check.add_argument("--markdown", action="store_true", help=argparse.SUPPRESS)
    return parser


_EPILOG = "`gameserver COMMAND --help` lists the settings that the command uses. It takes the others, too."
_MIGRATE_USES = {"folder", "sql_url", "log_format", "log_level"}
_SETTINGS_HELP = """\
Each setting is a flag, a variable and a key: --grace-s 30, GAMESERVER_GRACE_S=30, or grace_s = 30 in the file.
The flag wins over the variable, and the variable over the file.
"""


def _command(commands: Any, name: str, purpose: str) -> argparse.ArgumentParser:
    takes_game = name != "migrate"
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=purpose,
        usage=f"gameserver {name}{' [module:Class]' if takes_game else ''} [--config FILE] [--SETTING VALUE ...]",
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=_SETTINGS_HELP,
        allow_abbrev=False,
    )
    if takes_game:
        parser.add_argument("game", nargs="?", metavar="module:Class", default=argparse.SUPPRESS, help="the game")
    file_help = f"a TOML file with settings (or {config.CONFIG_VARIABLE})"
    parser.add_argument("--config", type=Path, metavar="FILE", help=file_help)
    for group, rows in groupby(settings_table.describe(), key=lambda row: row.group):
        arguments = parser.add_argument_group(group)
        for row in rows:
            _add_setting(arguments, row, is_shown=name != "migrate" or row.name in _MIGRATE_USES)
    return parser


def _add_setting(group: Any, row: SettingRow, *, is_shown: bool) -> None:
    told = _help(row).replace("%", "%%") if is_shown else argparse.SUPPRESS
    options: dict[str, Any] = {"dest": row.name, "default": argparse.SUPPRESS, "help": told}
    if row.is_switch:
        short = ["--migrate"] if row.name == "migrate_on_start" else []
        group.add_argument(row.flag, *short, action=argparse.BooleanOptionalAction, **options)
    else:
        group.add_argument(row.flag, metavar=row.name.rpartition("_")[2].upper(), **options)


def _help(row: SettingRow) -> str:
    notes = [row.range, f"default {row.default}" if row.default else ""]
    told = "; ".join(note for note in notes if note)
    return f"{row.description} ({told})" if told else row.description
