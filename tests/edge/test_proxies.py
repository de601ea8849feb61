"""Addresses of clients behind proxies. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.edge.proxies import HOPS_MAX, Proxies

PROXIES = Proxies(["10.0.0.0/8", "127.0.0.1", "2001:db8:ffff::/48"])


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),  # the left one is the client's own word
        ("10.0.0.1", ["198.51.100.1", "203.0.113.7, 10.0.0.9"], "203.0.113.7"),  # two headers, two proxies
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # all are ours
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not listed: not believed
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7:51234"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8::7]:51234"], "2001:db8::7"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("2001:db8:ffff::1", ['"[2001:db8::7]"'], "2001:db8::7"),
        ("10.0.0.1", ["203.0.113.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.7, unix:"], "10.0.0.1"),
        ("", ["203.0.113.7"], ""),  # a Unix socket's peer has no address
        ("10.0.0.1", [", ".join(["203.0.113.7"] + ["10.0.0.2"] * 10_000)], "10.0.0.2"),
    ],
)
def test_the_right_most_address_that_is_no_proxy_is_the_client(peer: str, headers: list[str], client: str) -> None:
    assert PROXIES.client(peer, headers) == client


def test_without_listed_proxies_nothing_is_believed() -> None:
    assert Proxies().client("127.0.0.1", ["203.0.113.7"]) == "127.0.0.1"
    assert not Proxies(["10.0.0.0/8"]).owes_header("10.0.0.1")
    assert Proxies(["10.0.0.0/8"], True).owes_header("10.0.0.1")
    assert not Proxies(["10.0.0.0/8"], True).owes_header("203.0.113.7")


@given(st.lists(st.ip_addresses().map(str) | st.text(max_size=20), max_size=HOPS_MAX))
def test_what_a_client_says_of_itself_is_never_believed(own_words: list[str]) -> None:
    said = [",".join([*own_words, "203.0.113.7"]), "10.0.0.9"]
    assert PROXIES.client("10.0.0.1", said) == "203.0.113.7"
