"""The policy of a message is declared in its class statement, inherited, and checked there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gameserver import Action, GameError, Input
from gameserver.protocol.message_class import our_messages
from gameserver.protocol.messages import Describe, Logout, Say, SignInMessage, Whisper
from gameserver.protocol.policy import MessagePolicy, StoreName

NOTHING: frozenset[StoreName] = frozenset()
REDIS: frozenset[StoreName] = frozenset(("redis",))
SQL: frozenset[StoreName] = frozenset(("sql",))


class Steer(Input, tag="steer"):
    pass


class Buy(Action, tag="buy"):
    pass


class Emote(Action, tag="emote", ack="accepted"):
    ack: int = 0  # a field of the game's own may have the name of an option


class Shout(Emote, tag="shout"):
    pass


class Trade(Action, tag="trade", ack="durable"):
    pass


class Search(Action, tag="search", ack="accepted", handled_by="service", needs="sql"):
    pass


class Sell(Search, tag="sell", ack="stored"):
    pass


@pytest.mark.parametrize(
    ("message", "policy"),
    [
        (Input, MessagePolicy(None, "zone", NOTHING)),
        (Steer, MessagePolicy(None, "zone", NOTHING)),
        (Action, MessagePolicy("stored", "zone", REDIS)),
        (Buy, MessagePolicy("stored", "zone", REDIS)),
        (Emote, MessagePolicy("accepted", "zone", NOTHING)),
        (Shout, MessagePolicy("accepted", "zone", NOTHING)),
        (Trade, MessagePolicy("durable", "zone", REDIS)),
        (Search, MessagePolicy("accepted", "service", SQL)),
        (Sell, MessagePolicy("stored", "service", REDIS | SQL)),
        (Say, MessagePolicy("accepted", "service", NOTHING)),
        (Whisper, MessagePolicy("accepted", "service", NOTHING)),
        (Describe, MessagePolicy(None, "zone", NOTHING)),
        (Logout, MessagePolicy(None, "node", NOTHING)),
    ],
)
def test_a_message_has_the_policy_that_its_class_declares_or_inherits(message: type[Input], policy: object) -> None:
    assert message.policy == policy
    assert message.policy.is_action is issubclass(message, Action)


def test_sign_ins_are_the_node_s() -> None:
    sign_ins = [message for message in our_messages() if issubclass(message, SignInMessage)]
    assert [message.__name__ for message in sign_ins] == ["Register", "Login", "Guest", "Resume"]
    assert {message.policy.handled_by for message in sign_ins} == {"node"}


def test_a_declared_policy_is_no_field() -> None:
    assert Search.__struct_fields__ == ("seq",)
    assert Emote(seq=1, ack=2).ack == 2 and Shout.__struct_fields__ == ("ack", "seq")


def acked_input() -> object:
    class Wrong(Input, tag="wrong", ack="stored"):
        pass

    return Wrong


def needy_input() -> object:
    class Wrong(Input, tag="wrong", needs="redis"):
        pass

    return Wrong


def unknown_level() -> object:
    class Wrong(Action, tag="wrong", ack="kept"):
        pass

    return Wrong


def no_level() -> object:
    class Wrong(Action, tag="wrong", ack=None):
        pass

    return Wrong


def for_the_node() -> object:
    class Wrong(Action, tag="wrong", handled_by="node"):
        pass

    return Wrong


def unhashable_store() -> object:
    class Wrong(Action, tag="wrong", needs=["sql"]):
        pass

    return Wrong


def misspelt() -> object:
    class Wrong(Action, tag="wrong", acks="stored"):
        pass

    return Wrong


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (acked_input, "Wrong: has ack= and is never acked; subclass Action, or remove ack="),
        (needy_input, "Wrong: has needs= and is no Action, so nothing tells the client that a store is away; "),
        (unknown_level, 'has ack=\'kept\'; write ack="accepted", ack="stored" or ack="durable"'),
        (no_level, 'has ack=None; write ack="accepted", ack="stored" or ack="durable"'),
        (for_the_node, 'has handled_by=\'node\'; write handled_by="zone" or handled_by="service"'),
        (unhashable_store, 'has needs=[\'sql\']; write needs="redis" or needs="sql"'),
        (misspelt, "acks"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused_by_the_class_statement(make: Callable[[], object], text: str) -> None:
    with pytest.raises(GameError) as caught:
        make()
    assert text in str(caught.value) and "test_policy.py:" in str(caught.value)
