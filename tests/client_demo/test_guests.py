from __future__ import annotations

from pathlib import Path

from client_demo.guests import Guests


def test_guests_are_remembered_by_server_and_name(tmp_path: Path) -> None:
    guests = Guests(tmp_path / "deep" / "guests.json")
    assert guests.token("ws://a/ws", None) is None
    guests.remember("ws://a/ws", None, "one")
    guests.remember("ws://a/ws", "Bo", "two")
    again = Guests(guests.path)
    assert again.token("ws://a/ws", None) == "one"
    assert again.token("ws://a/ws", "Bo") == "two"
    assert again.token("ws://b/ws", "Bo") is None


def test_the_file_is_only_its_owners(tmp_path: Path) -> None:
    guests = Guests(tmp_path / "guests.json")
    guests.remember("ws://a/ws", None, "one")
    assert guests.path.stat().st_mode & 0o777 == 0o600


def test_a_broken_file_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "guests.json"
    path.write_text("{not json", encoding="utf-8")
    assert Guests(path).token("ws://a/ws", None) is None
    Guests(path).remember("ws://a/ws", None, "one")
    assert Guests(path).token("ws://a/ws", None) == "one"
