"""Every setting of the server: typed, bounded, described, under one name as a flag, in the environment and in a file.

``--grace-s 30`` beats ``GAMESERVER_GRACE_S=30`` beats ``grace_s = 30`` in the file beats the default. This module is
the lowest layer: it imports only checks of the package. Law: a Settings object that exists makes sense as a whole.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from gameserver import public_names, settings_problems, store_urls
from gameserver.settings_problems import Given, Source, closest, problems_in

ENV_PREFIX = settings_problems.ENV_PREFIX
CONFIG_VARIABLE = "GAMESERVER_CONFIG"  # names the file, as --config does

Seconds = Annotated[float, Field(allow_inf_nan=False)]

_SECRET_IN_TEXT = re.compile(
    r"(?P<before>[A-Za-z][\w+.-]*://[^/@:\s]*:)\S*(?=@)"  # up to the last @: a password may hold one itself
    r"|(?P<option>\b(?:\w+_)?(?:password|secret|token)=)[^&\s]+",
    re.IGNORECASE,
)


class SettingsError(Exception):
    """The settings make no sense; ``problems`` holds one line for each reason."""

    def __init__(self, problems: list[str]):
        super().__init__("; ".join(problems))
        self.problems = problems


def _setting(
    group: str,
    description: str,
    default: Any = None,
    *,
    secret: bool = False,
    allowed: str = "",
    example: str = "",
    **field: Any,
) -> Any:
    """Declare a field with all that --help, check-config, the docs and messages say of it. ``allowed`` describes the
    allowed values where bounds do not, and ``example`` is one where there is no default."""
    if "default_factory" not in field:
        field["default"] = default
    extra = {"group": group, "secret": secret, "allowed": allowed, "example": example}
    return Field(description=description, repr=not secret, json_schema_extra=extra, **field)  # type: ignore[arg-type]


_network = partial(_setting, "Network")
_operating = partial(_setting, "Operating")
_stores = partial(_setting, "Stores")
_sessions = partial(_setting, "Sessions")
_clients = partial(_setting, "What clients may do")
_accounts = partial(_setting, "Accounts")
_game = partial(_setting, "Game")


def _default_node_id(validated: dict[str, Any]) -> str:
    """Host name and port: the same after every restart, different for two nodes of one machine."""
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:48].lstrip(".-") or "node"
    return f"{host}-{validated.get('port', 0)}"


def _default_ops_port(validated: dict[str, Any]) -> int:
    """8766 beside 8765, so that a second server on the machine needs no more than another port."""
    port = int(validated.get("port", 0))
    return port + (1 if port < 65535 else -1) if port else 0


class Settings(BaseSettings):
    """All settings of one node. Built by ``load``; tests may call it with keywords."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    game: str = _game("The game to run, as module:Class.", "gameserver.demo:Meadow", min_length=1)
    tick_phases: int = _game(
        "The zones tick in so many phases, spread over the interval; of a zone there is one. More cost more in all."
        " 0: all at once, and in two when that takes more than half of the interval.",
        0,
        ge=0,
        le=64,
    )
    chat_history_lines: int = _game("Lines of a zone's chat that a joining player is shown.", 20, ge=0, le=200)

    host: str = _network(
        "Addresses the players' port listens on, separated by commas. 0.0.0.0 lets other machines in over IPv4, :: over"
        " IPv6 and IPv4.",
        "127.0.0.1",
        min_length=1,
    )
    port: int = _network("The players' port: WebSocket and the page. 0 takes a free one.", 8765, ge=0, le=65535)
    origins: Annotated[tuple[str, ...], NoDecode, AfterValidator(public_names.checked_origins)] = _network(
        "Origins, besides the server's own page, whose pages may connect; separated by commas.",
        (),
    )
    public_hosts: Annotated[tuple[str, ...], NoDecode, AfterValidator(public_names.checked_hosts)] = _network(
        "Names, without a port, that players reach this server by; separated by commas. Requests for other names are"
        " refused. localhost, addresses and the hosts of origins are always allowed; * allows every name.",
        (),
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, AfterValidator(public_names.checked_networks)] = _network(
        "Addresses or networks of the proxies before this server, like 10.0.0.0/8; separated by commas. Only from them"
        " X-Forwarded-For names a client.",
        (),
    )
    proxy_protocol: bool = _network(
        "Connections from trusted_proxies begin with a header of the PROXY protocol, version 1 or 2. Whoever of them"
        " sends none is closed.",
        False,
    )
    io_uring: bool = _network("Send a tick's bytes in one system call, where the system allows it (Linux).", True)

    node_id: str = _operating(
        "Name of this node in the stores. Has to be the same after a restart. Default: host name and port.",
        default_factory=_default_node_id,
        allowed="1 to 64 letters (A-Z, a-z), digits, . _ and -, beginning with a letter or digit",
        example="node-1",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    )
    ops_host: str = _operating(
        "Addresses of the operator's port (metrics), written like host. Outside loopback it needs ops_token.",
        "127.0.0.1",
        min_length=1,
    )
    ops_port: int = _operating(
        "The operator's port. 0 takes a free one. Default: the one after port.",
        default_factory=_default_ops_port,
        example="8766",
        ge=0,
        le=65535,
    )
    ops_token: str | None = _operating(
        "Bearer token the operator's port asks for. Default: none asked.", secret=True, min_length=16, max_length=256
    )
    drain_s: Seconds = _operating("After SIGTERM, seconds until every session is saved at the latest.", 10, ge=1, le=60)
    log_format: Literal["auto", "json", "console"] = _operating(
        "Lines for machines or for people; auto takes console when logging to a terminal, json otherwise.", "auto"
    )
    log_level: Literal["debug", "info", "warning", "error"] = _operating("The least serious log lines shown.", "info")

    folder: Path = _stores("Where the embedded stores keep their files.", Path(".gameserver"))
    redis_url: str | None = _stores(
        "Redis or Valkey 7.0 or later: redis://user:password@host:6379/0,"
        " redis+sentinel://host:26379,host:26379/service/0, or redis+cluster://host:6379,host:6379."
        " Default: an embedded Valkey in folder.",
        secret=True,
        example="redis://user:password@host:6379/0",
    )
    sql_url: str | None = _stores(
        "MySQL 8 or MariaDB 10.11, mysql://user:password@host:3306/name. Default: a SQLite file in folder.",
        secret=True,
        example="mysql://user:password@host:3306/name",
    )
    migrate_on_start: bool = _stores(
        "Bring an external SQL database to this version's tables before serving. Embedded SQLite always is.", False
    )
    store_timeout_s: Seconds = _stores("Seconds a call to Redis may take.", 1, ge=0.05, le=10)
    sql_timeout_s: Seconds = _stores("Seconds a call to SQL may take.", 5, ge=0.1, le=30)
    sql_pool_size: int = _stores("Connections to SQL at most.", 8, ge=1, le=100)
    checkpoint_s: Seconds = _stores("Each live session is saved to SQL this often, in seconds.", 30, ge=1, le=3600)
    lease_s: Seconds = _stores(
        "A node silent for so many seconds is taken for dead, and others may claim its sessions.", 5, ge=1, le=12
    )

    grace_s: Seconds = _sessions("Seconds a session waits for its player after the socket is lost.", 30, ge=0, le=3600)
    idle_timeout_s: Seconds = _sessions("Seconds without any input until a session ends.", 900, ge=10, le=86400)
    ping_interval_s: Seconds = _sessions("Seconds between pings to a client.", 5, ge=0.5, le=60)
    pong_timeout_s: Seconds = _sessions("Seconds without a pong until a socket counts as dead.", 15, ge=1, le=300)
    sign_in_timeout_s: Seconds = _sessions("Seconds a new connection has to sign in.", 5, ge=0.5, le=60)

    connections_max: int = _clients("Open connections at most; more are refused.", 5000, ge=1, le=100_000)
    messages_per_s: Seconds = _clients("Messages a connection may send per second, on average.", 60, ge=1, le=10_000)
    message_burst: int = _clients("Messages a connection may send at once.", 120, ge=1, le=100_000)
    message_bytes_max: int = _clients(
        "Bytes of the longest message taken; a longer one closes the connection.", 16_384, ge=1024, le=1_048_576
    )

    password_workers: int = _accounts("Threads that hash passwords.", 2, ge=1, le=64)
    password_queue_max: int = _accounts(
        "Passwords waiting for a thread at most; more are refused.", 64, ge=1, le=10_000
    )
    wrong_passwords_per_minute: int = _accounts(
        "Wrong passwords allowed per minute for one name from one address. A name from all addresses, and an address at"
        " all names, may take ten times as many.",
        10,
        ge=1,
        le=10_000,
    )
    sign_ups_per_minute: int = _accounts("New accounts and guests per address and minute.", 600, ge=1, le=100_000)

    reserved_names: Annotated[tuple[str, ...], NoDecode] = _accounts(
        "Names that nobody may take, nor one that looks like them, besides those of staff; separated by commas.", ()
    )
    guest_name_days: Seconds = _accounts(
        "Days after which the name of a guest who has not come back goes to the next who asks for it. The guest keeps"
        " everything else. 0: never.",
        30,
        ge=0,
        le=3650,
    )

    @field_validator("origins", "public_hosts", "reserved_names", "trusted_proxies", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str | None) -> str | None:
        if url is not None:
            store_urls.check_redis(url)
        return url

    @field_validator("sql_url")
    @classmethod
    def _check_sql_url(cls, url: str | None) -> str | None:
        if url is not None:
            store_urls.check_sql(url)
        return url

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        problems = [problem for makes_sense, problem in self._cross_checks() if not makes_sense]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _cross_checks(self) -> list[tuple[bool, str]]:
        return [
            (
                self.ops_token is not None or all(is_loopback(host.strip()) for host in self.ops_host.split(",")),
                "ops_host is not a loopback address, so ops_token has to be set",
            ),
            (
                not self.proxy_protocol or bool(self.trusted_proxies),
                "proxy_protocol needs trusted_proxies: nobody else's header is believed",
            ),
            (
                self.port != self.ops_port or self.port == 0,
                "port and ops_port are the same; players and operator need a port each",
            ),
            (
                self.pong_timeout_s > self.ping_interval_s,
                "pong_timeout_s has to be longer than ping_interval_s, or every socket counts as dead",
            ),
            (
                self.idle_timeout_s > self.pong_timeout_s,
                "idle_timeout_s has to be longer than pong_timeout_s",
            ),
            (
                self.lease_s >= 3 * self.store_timeout_s,
                "lease_s has to be at least three times store_timeout_s, so that one slow call does not lose the lease",
            ),
            (
                self.checkpoint_s > self.sql_timeout_s,
                "checkpoint_s has to be longer than sql_timeout_s, so that a save ends before the next begins",
            ),
            (
                self.drain_s > self.sql_timeout_s,
                "drain_s has to be longer than sql_timeout_s, so that the last save can end",
            ),
            (
                self.message_burst >= self.messages_per_s / 20,
                "message_burst has to cover what messages_per_s allows in one tick of 50 ms",
            ),
        ]

    @property
    def embedded_redis(self) -> bool:
        return self.redis_url is None

    @property
    def embedded_sql(self) -> bool:
        return self.sql_url is None

    @property
    def effective_sql_url(self) -> str:
        """The SQL database to use: the one that is set, or the file in ``folder``."""
        return self.sql_url or f"sqlite:///{self.folder.absolute() / 'profiles.db'}"

    def redacted(self) -> dict[str, object]:
        """Every setting as it may be printed: secrets hidden, of a URL only the password."""
        return {name: _printable(getattr(self, name), field) for name, field in type(self).model_fields.items()}


def load(
    flags: Mapping[str, object] | None = None, file: Path | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings from all four sources. Raises SettingsError naming each bad setting and where it was set."""
    environ = os.environ if environ is None else environ
    if file is None and environ.get(CONFIG_VARIABLE):
        file = Path(environ[CONFIG_VARIABLE])
    sources: dict[Source, Mapping[str, object]] = {
        Source.FLAG: flags or {},
        Source.ENVIRONMENT: _from_environment(environ),
        Source.FILE: _from_file(file) if file else {},
    }
    given = _as_given(sources, file)
    try:
        return Settings(**{name: each.value for name, each in given.items()})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(problems_in(error, Settings.model_fields, given)) from None


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like settings and are none: most likely misspelt."""
    environ = os.environ if environ is None else environ
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    return sorted(name for name in environ if name.upper().startswith(ENV_PREFIX) and name.upper() not in known)


def hide_passwords(text: str) -> str:
    """``text`` with the password of every URL in it replaced."""
    return _SECRET_IN_TEXT.sub(lambda found: f"{found['before'] or found['option']}***", text)


def is_loopback(host: str) -> bool:
    """True when only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _printable(value: object, field: FieldInfo) -> object:
    extra: Any = field.json_schema_extra
    if isinstance(value, str) and extra["secret"]:
        return hide_passwords(value) if "://" in value else "***"
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    source = EnvSettingsSource(Settings, env_prefix=ENV_PREFIX, env_ignore_empty=True)
    source.env_vars = {name.lower(): value for name, value in environ.items() if value}
    return source()


def _from_file(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file}: is not TOML: {error}"]) from None


def _as_given(sources: Mapping[Source, Mapping[str, object]], file: Path | None) -> dict[str, Given]:
    """Return each setting that was set, by the source that wins."""
    weakest_first = sorted(sources.items(), key=lambda each: each[0].value)
    return {name: Given(name, value, it, str(file)) for it, values in weakest_first for name, value in values.items()}


def closest_setting(name: str) -> str | None:
    """Return the setting whose name looks most like ``name``; None when nothing does."""
    return closest(name, Settings.model_fields)
