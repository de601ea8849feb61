"""Redis over TLS on a real server with certificates, and passwords of any letters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from gameserver.store.address import parse
from gameserver.store.connection import Store, StoreUnavailable
from gameserver.store.sentinels import Sentinels
from tests.servers.certificates import Authority
from tests.servers.ports import free_port
from tests.servers.redis import RunningRedis


class Place:
    def __init__(self, folder: Path):
        self.folder = folder
        authority = Authority(folder)
        authority.issue("server")
        authority.issue("client")
        Authority(folder, "stranger")
        self.tls_port = free_port()
        files = {"ca-cert": authority.certificate, "cert": folder / "server.pem", "key": folder / "server.key"}
        options = [word for name, file in files.items() for word in (f"--tls-{name}-file", str(file))]
        self.server = RunningRedis("redis7", "--tls-port", str(self.tls_port), *options)

    def url(self, query: str, port: int = 0) -> str:
        return f"rediss://127.0.0.1:{port or self.tls_port}/0?" + query.replace("@", f"{self.folder}/")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("certificates"))
    try:
        made.server.start()
        yield made
    finally:
        made.server.remove()


async def pinged(url: str) -> None:
    store = Store(url)
    try:
        await store.open()
        connection = store.dedicated_connection()
        await connection.connect()  # type: ignore[no-untyped-call]
    finally:
        await store.close()


CLIENT = "ssl_certfile=@client.pem&ssl_keyfile=@client.key"


async def test_a_connection_is_encrypted_and_its_server_verified(place: Place) -> None:
    await pinged(place.url(f"ssl_ca_certs=@ca.pem&{CLIENT}"))


@pytest.mark.parametrize("query", [f"ssl_ca_certs=@stranger.pem&{CLIENT}", CLIENT, "ssl_ca_certs=@ca.pem",
                                   "ssl_ca_certs=@nowhere.pem"])  # fmt: skip
async def test_what_cannot_be_verified_is_no_connection(place: Place, query: str) -> None:
    with pytest.raises((StoreUnavailable, ValueError)):
        await pinged(place.url(query))


async def test_a_server_without_tls_gets_no_connection_in_plain_text(place: Place) -> None:
    with pytest.raises(StoreUnavailable):
        await pinged(place.url("ssl_cert_reqs=none", place.server.port))


async def test_sentinels_are_asked_with_the_same_certificates(place: Place) -> None:
    query = place.url(f"ssl_ca_certs=@ca.pem&{CLIENT}").partition("?")[2]
    sentinels = Sentinels(parse(f"rediss+sentinel://127.0.0.1:{place.tls_port}/game?{query}"), 2.0)
    try:
        with pytest.raises(Exception, match="unknown command"):  # it is no sentinel, but it could be asked
            await sentinels.primary()
    finally:
        await sentinels.close()


@pytest.mark.parametrize("secret", ["p@ss/w#rd", "пароль", "密码🔑"])
async def test_a_password_of_any_letters_signs_in(place: Place, secret: str) -> None:
    place.server.command("ACL", "SETUSER", "ann", "on", f">{secret}", "~*", "&*", "+@all")
    where = f"127.0.0.1:{place.server.port}/0"
    await pinged(f"redis://ann:{quote(secret, safe='')}@{where}")
    with pytest.raises(StoreUnavailable) as refused:
        await pinged(f"redis://ann:{quote(secret, safe='')}x@{where}")
    assert secret not in str(refused.value)
