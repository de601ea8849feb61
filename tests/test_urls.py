"""A store's URL has one meaning or is refused, and a refusal repeats nothing of it."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import quote

import pytest

from gameserver.config import SettingsError, load
from gameserver.sql.drivers import driver_url
from gameserver.store.address import parse as parse_redis
from gameserver.urls import parse

SECRET = "geheim"
AMBIGUOUS = [
    f"ga:p@ss/w#{SECRET}@host/gs",
    f"ga:p@{SECRET}@host/gs",
    f"ga:p/{SECRET}@host/gs",
    f"ga:p?{SECRET}@host/gs",
    f"ga:{SECRET}#@host/gs",
    f"ga:{SECRET} @host/gs",
    f"ga:{SECRET}%@host/gs",
    f"ga:{SECRET}%2@host/gs",
    f"ga:{SECRET}%ff@host/gs",
    f"ga:{SECRET}\n@host/gs",
    f"ga:{SECRET}",
    f"ga:{SECRET}@host:/gs",
    f"ga:{SECRET}@host:0/gs",
    f"ga:{SECRET}@host:99999/gs",
    f"ga:{SECRET}@::1/gs",
    f"ga:{SECRET}@[::1/gs",
    f"ga:{SECRET}@[::1]x/gs",
    f"ga:{SECRET}@[zz]/gs",
    f"ga:{SECRET}@ho^st/gs",
    f"ga:{SECRET}@host/gs?sslca=x",
    f"ga:{SECRET}@host/gs?ssl",
    f"ga:{SECRET}@host/gs?ssl_ca=a&ssl_ca=b",
]


@pytest.mark.parametrize("rest", AMBIGUOUS)
@pytest.mark.parametrize("setting", ["mysql", "mariadb", "redis", "redis+sentinel", "rediss+cluster"])
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_of_it_is_repeated(setting: str, rest: str) -> None:
    name = "sql_url" if setting in ("mysql", "mariadb") else "redis_url"
    with pytest.raises(SettingsError) as refused:
        load({name: f"{setting}://{rest}"}, environ={})
    told = str(refused.value)
    assert SECRET not in told and "ss/w" not in told


def test_an_unknown_option_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"no option sslca; there are .*ssl_ca"):
        load({"sql_url": "mysql://host/gs?sslca=x"}, environ={})
    with pytest.raises(SettingsError, match="no option retry"):
        load({"redis_url": "redis://host?retry=x"}, environ={})


def test_a_refusal_says_what_to_write() -> None:
    with pytest.raises(SettingsError, match=r"%2F for /.*%23 for #, %40 for @"):
        load({"sql_url": "mysql://ga:p@ss/w#rd@host/gs"}, environ={})


def test_check_config_shows_no_part_of_a_password() -> None:
    command = [sys.executable, "-m", "gameserver", "check-config", "--sql-url", "mysql://ga:p@ss/w#rd@host/gs"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 2
    assert "w#rd" not in told.stdout + told.stderr and "ss/w" not in told.stdout + told.stderr


@pytest.mark.parametrize("secret", ["p@ss/w#rd", "пароль", "密码", "a b%?&=:", "🔑"])
def test_any_password_can_be_written(secret: str) -> None:
    written = f"mysql://ga:{quote(secret, safe='')}@[::1]:3307/gs?ssl=true"
    found = parse(written, options=("ssl",))
    assert (found.user, found.password, found.hosts, found.path) == ("ga", secret, (("::1", 3307),), "gs")
    assert secret not in repr(found)
    settings = load({"sql_url": written}, environ={})
    assert settings.redacted()["sql_url"] == "mysql://ga:***@[::1]:3307/gs?ssl=true"
    assert driver_url(written).host == "::1"
    assert parse_redis(f"redis://ga:{quote(secret, safe='')}@h").options["password"] == secret


def test_options_of_tls_need_a_url_with_tls() -> None:
    with pytest.raises(SettingsError, match="rediss://"):
        load({"redis_url": "redis://h?ssl_ca_certs=ca.pem"}, environ={})
    with pytest.raises(SettingsError, match="ssl=false"):
        load({"sql_url": "mysql://h/gs?ssl=false&ssl_ca=ca.pem"}, environ={})
    with pytest.raises(SettingsError, match="ssl_mode"):
        load({"sql_url": "mysql://h/gs?ssl_mode=maybe"}, environ={})
