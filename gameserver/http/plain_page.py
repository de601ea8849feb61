"""The page of a game that has none of its own: the game's name, its clients' messages, and the way to play it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Protocol


class Message(Protocol):
    """A message that clients can send: its tag, whether it is acked, and its fields as "item: str"."""

    @property
    def tag(self) -> str: ...
    @property
    def is_action(self) -> bool: ...
    @property
    def fields(self) -> tuple[str, ...]: ...


class Description(Protocol):
    """A game for people."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def messages(self) -> Iterable[Message]: ...


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{name}</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>{name}</h1>
<p>{summary}</p>
<p>The server runs this game. Its WebSocket is <code>ws://{host}/ws</code>; if the address of this page begins with
<code>https://</code>, it is <code>wss://{host}/ws</code>.</p>
<h2>Play it from Python</h2>
<pre>
import asyncio
from gameserver.client import Client, guest

async def play() -&gt; None:
    async with Client("ws://{host}/ws") as me:
        await me.sign_in(guest())
        print(me.welcome){example}

asyncio.run(play())
</pre>
<h2>What a client can send</h2>
{messages}
<h2>Give it a page</h2>
<p>Put an <code>index.html</code> into a folder <code>web</code> beside the game's module, and write into the class:</p>
<pre>page = Path(__file__).parent / "web"</pre>
</body>
</html>
"""


def plain_page(game: Description, host: str) -> bytes:
    """Return the page as HTML. It loads nothing from anywhere. ``host`` is the name and port that it was asked for."""
    messages = list(game.messages)
    items = "\n".join(f"<li>{_message(message)}</li>" for message in messages)
    return _PAGE.format(
        name=escape(game.name),
        host=escape(host),
        summary=escape(game.summary),
        example="".join(f"\n        {escape(_call(message))}" for message in messages[:1]),
        messages=f"<ul>\n{items}\n</ul>" if items else "<p>Chat only: the game handles no messages of its own.</p>",
    ).encode()


def _message(message: Message) -> str:
    fields = ", ".join(message.fields) or "no fields"
    kind = "action: acked, and applied exactly once" if message.is_action else "input: the latest wins"
    return f"<code>{escape(message.tag)}</code> ({escape(fields)}), {kind}"


def _call(message: Message) -> str:
    arguments = "".join(f", {field.partition(':')[0]}=..." for field in message.fields)
    call = f'me.{"act" if message.is_action else "send"}("{message.tag}"{arguments})'
    return f"await {call}" if message.is_action else call
