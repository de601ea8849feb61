"""MySQL over TLS on a real server with certificates: had as asked for, or no connection at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.sql.database import Database, ProfilesUnavailable
from gameserver.sql.migrate import newest_revision
from tests.servers.certificates import Authority
from tests.servers.mariadb import MariaDb, running


class Place:
    def __init__(self, server: MariaDb, folder: Path):
        self.server = server
        self.folder = folder
        self.authority = Authority(folder)
        self.authority.issue("server")
        self.authority.issue("elsewhere", hosts=("game.example",), ips=())
        self.authority.issue("client")
        Authority(folder, "stranger")
        for file in folder.iterdir():
            file.chmod(0o644)
        self.name = server.migrated_database()

    def serve(self, certificate: str) -> None:
        self.server.stop()
        self.server.options = (
            f"--ssl-ca={self.authority.certificate}",
            f"--ssl-cert={self.folder / certificate}.pem",
            f"--ssl-key={self.folder / certificate}.key",
        )
        self.server.start()

    def url(self, query: str, user: str = "root") -> str:
        return self.server.url(self.name).replace("root@", f"{user}@") + "?" + query.replace("@", f"{self.folder}/")


@pytest.fixture(scope="module")
def place(mariadb_installed: Path) -> Iterator[Place]:
    with running(mariadb_installed) as server:
        folder = server.folder / "certificates"
        folder.mkdir(mode=0o755)
        server.folder.chmod(0o755)
        made = Place(server, folder)
        made.serve("server")
        yield made


async def cipher(url: str) -> str:
    """Return the cipher of a connection of the pool; migrations connect likewise."""

    async def work(connection: AsyncConnection) -> str:
        return str((await connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'"))).one()[1])

    database = Database(url)
    try:
        await database.open()
        await newest_revision(url)
        return await database.transact("cipher", work)
    finally:
        await database.close()


@contextmanager
def loop_of(kind: str) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if kind == "uvloop" else asyncio.new_event_loop) as runner:
        yield runner


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    "query",
    ["ssl=true", "ssl_mode=required", "ssl_ca=@ca.pem", "ssl_mode=verify-identity&ssl_ca=@ca.pem",
     "ssl_mode=verify_ca&ssl_ca=@ca.pem", "ssl_ca=@ca.pem&ssl_cert=@client.pem&ssl_key=@client.key"],
)  # fmt: skip
def test_a_connection_is_encrypted_as_the_url_asks(place: Place, kind: str, query: str) -> None:
    with loop_of(kind) as runner:
        assert runner.run(cipher(place.url(query)))


async def test_without_being_asked_it_is_not(place: Place) -> None:
    assert await cipher(place.url("ssl=false")) == ""


@pytest.mark.parametrize("query", ["ssl_ca=@stranger.pem", "ssl_mode=verify_ca&ssl_ca=@stranger.pem",
                                   "ssl_mode=verify_ca"])  # fmt: skip
async def test_a_certificate_of_somebody_else_is_refused(place: Place, query: str) -> None:
    with pytest.raises(ProfilesUnavailable, match=r"(?i)certificate"):
        await cipher(place.url(query))


async def test_a_file_that_is_not_there_is_told(place: Place) -> None:
    with pytest.raises(ValueError, match="ssl_ca"):
        await cipher(place.url("ssl_ca=@nowhere.pem"))


async def test_a_user_who_needs_a_certificate_of_its_own(place: Place) -> None:
    name = "x509"
    place.server.execute(f"CREATE USER {name} REQUIRE X509", f"GRANT ALL ON *.* TO {name}")
    assert await cipher(place.url("ssl_ca=@ca.pem&ssl_cert=@client.pem&ssl_key=@client.key", name))
    with pytest.raises(ProfilesUnavailable, match="denied"):
        await cipher(place.url("ssl_ca=@ca.pem", name))


async def test_a_name_that_is_not_the_servers_is_refused_unless_only_its_authority_counts(place: Place) -> None:
    place.serve("elsewhere")
    try:
        with pytest.raises(ProfilesUnavailable, match=r"(?i)certificate"):
            await cipher(place.url("ssl_ca=@ca.pem"))
        assert await cipher(place.url("ssl_ca=@ca.pem&ssl_check_hostname=false"))
        assert await cipher(place.url("ssl_ca=@ca.pem&ssl_mode=verify_ca"))
    finally:
        place.serve("server")


@pytest.mark.parametrize("query", ["ssl=true", "ssl_ca=@ca.pem"])
async def test_a_server_without_tls_gets_no_connection_in_plain_text(
    place: Place, mariadb: MariaDb, query: str
) -> None:
    url = place.url(query).replace(f":{place.server.port}/", f":{mariadb.port}/")
    with pytest.raises(ProfilesUnavailable, match="the server offers none"):
        await cipher(url)


@pytest.mark.parametrize("secret", ["p@ss/w#rd", "пароль", "密码🔑", "a b%?&=:"])
@pytest.mark.parametrize("query", ["ssl=true", "ssl=false"])
async def test_a_password_of_any_letters_signs_in(place: Place, secret: str, query: str) -> None:
    place.server.execute(f"CREATE OR REPLACE USER ann IDENTIFIED BY '{secret}'", "GRANT ALL ON *.* TO ann")
    await cipher(place.url(query, f"ann:{quote(secret, safe='')}"))
    with pytest.raises(ProfilesUnavailable) as refused:
        await cipher(place.url(query, f"ann:{quote(secret, safe='')}x"))
    assert secret not in str(refused.value)


class _Road:
    """Carries bytes to the server and back. It passes on no end of the server's, as when a network swallows it."""

    def __init__(self, to_port: int):
        self._to_port = to_port
        self.hung_up = asyncio.Event()  # by the client

    async def carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._to_port)
        back = asyncio.create_task(_copy(server, to_client))
        await _copy(client, to_server)
        self.hung_up.set()
        back.cancel()
        to_client.close()
        to_server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
@pytest.mark.parametrize("query", ["ssl=true", "ssl=false"])
def test_a_socket_is_closed_at_once_when_the_sign_in_is_refused(place: Place, kind: str, query: str) -> None:
    """TLS waits for the other side's goodbye, and a server that refuses a password sends none."""
    place.server.execute("CREATE OR REPLACE USER ann IDENTIFIED BY 'geheim'", "GRANT ALL ON *.* TO ann")

    async def be_refused() -> None:
        road = _Road(place.server.port)
        async with await asyncio.start_server(road.carry, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            url = place.url(query, "ann:wrong").replace(f":{place.server.port}/", f":{port}/")
            with pytest.raises(ProfilesUnavailable, match="denied"):
                await cipher(url)
            async with asyncio.timeout(5):
                await road.hung_up.wait()

    with loop_of(kind) as runner:
        runner.run(be_refused())
