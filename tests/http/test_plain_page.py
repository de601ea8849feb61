"""The page of a game without a page: it names the game and what can be sent, and shows markup as text."""

from __future__ import annotations

import urllib.request
from functools import partial
from pathlib import Path

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from gameserver import Action, Game, GameError, Input, Player, Zone, handles
from gameserver.demo import Meadow
from gameserver.http.plain_page import plain_page
from gameserver.http.site import Site, page_routes
from gameserver.simulation.description import describe_game
from tests.servers.game import RunningGame
from tests.servers.redis import RunningRedis

HOST = "localhost:8765"


class Steer(Input, tag="steer"):
    dx: float


class Buy(Action, tag="<buy>"):
    item: str
    quantity: int = 1


class Market(Game):
    """Buy & sell <things>.

    More than the first line is not shown.
    """

    @handles(Buy)
    def buy(self, zone: Zone, player: Player, message: Buy) -> None: ...

    @handles(Steer)
    def steer(self, zone: Zone, player: Player, message: Steer) -> None: ...


def test_the_page_says_which_game_runs_and_what_can_be_sent() -> None:
    page = plain_page(describe_game(Market), HOST).decode()
    assert "<title>Market</title>" in page and "<p>Buy &amp; sell &lt;things&gt;.</p>" in page
    assert "<code>&lt;buy&gt;</code> (item: str, quantity: int), action" in page
    assert "<code>steer</code> (dx: float), input" in page
    assert "await me.act(&quot;&lt;buy&gt;&quot;, item=..., quantity=...)" in page
    assert "Meadow" not in page and "More than" not in page


def test_the_page_names_the_address_it_was_asked_for() -> None:
    page = plain_page(describe_game(Market), "play.example.org:9000").decode()
    assert "<code>ws://play.example.org:9000/ws</code>" in page
    assert 'Client("ws://play.example.org:9000/ws")' in page
    assert "8765" not in page
    assert "<script>" not in plain_page(describe_game(Market), "<script>").decode()


def test_each_request_has_the_page_of_its_own_host() -> None:
    site = Site(page_routes(partial(plain_page, describe_game(Market))))
    pages = [site.answer(Request("/", Headers({"Host": host}))) for host in ("one:1", "two:2", "one:1")]
    assert [b"ws://one:1/ws" in page.body for page in pages] == [True, False, True]
    assert pages[0].headers["ETag"] == pages[2].headers["ETag"] != pages[1].headers["ETag"]


def test_a_game_without_messages_has_a_page() -> None:
    class Silent(Game):
        pass

    assert "Chat only" in plain_page(describe_game(Silent), HOST).decode()


def test_a_page_that_is_not_there_is_found_by_the_class_statement(tmp_path: Path) -> None:
    with pytest.raises(
        GameError, match=r"Lost\.page: is .*, where there is no index\.html; name the folder that has it"
    ):

        class Lost(Game):
            page = tmp_path

    with pytest.raises(GameError, match=r"Text\.page: is 'web', no Path; write page = Path"):

        class Text(Game):
            page = "web"  # type: ignore[assignment]


def test_the_demo_game_has_the_browser_client() -> None:
    assert Meadow.page is not None and (Meadow.page / "index.html").is_file()


@pytest.mark.parametrize(
    ("own", "shown"), [("", "<h1>Market</h1>"), ("    page = Path(__file__).parent\n", "my own page")]
)
def test_a_server_shows_the_page_of_its_game(tmp_path: Path, mariadb_url: str, own: str, shown: str) -> None:
    source = "from pathlib import Path\nfrom gameserver import Game\nclass Market(Game):\n    tick_hz = 20\n"
    (tmp_path / "market.py").write_text(source + own)
    (tmp_path / "index.html").write_text("my own page")
    redis = RunningRedis("redis7").start()
    server = RunningGame(tmp_path, redis.url, mariadb_url, game="market:Market")
    try:
        server.start()
        with urllib.request.urlopen(server.ws_url.replace("ws://", "http://").removesuffix("ws"), timeout=5) as page:
            text = page.read().decode()
            assert shown in text
            assert own or server.ws_url in text
    finally:
        server.stop()
        redis.remove()
