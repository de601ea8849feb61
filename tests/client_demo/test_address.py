from __future__ import annotations

import pytest

from client_demo.address import websocket_url


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("localhost:8765", "ws://localhost:8765/ws"),
        ("http://localhost:8765/", "ws://localhost:8765/ws"),
        ("https://play.example.org", "wss://play.example.org/ws"),
        ("ws://[::1]:8765/ws", "ws://[::1]:8765/ws"),
        ("wss://example.org/games/ws?zone=1", "wss://example.org/games/ws?zone=1"),
    ],
)
def test_addresses_as_people_write_them(address: str, url: str) -> None:
    assert websocket_url(address) == url


@pytest.mark.parametrize("address", ["ftp://localhost", "ws://", ""])
def test_what_is_no_address_is_an_error(address: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        websocket_url(address)
