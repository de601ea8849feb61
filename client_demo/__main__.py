"""``python -m client_demo``: sign in, then play at the terminal."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from pathlib import Path

from client_demo.address import URL, websocket_url
from client_demo.guests import Guests, default_path
from client_demo.picture import PLAIN, PRETTY
from client_demo.play import PlayApp
from gameserver.client import Client, ClientError, SignInRefused, guest, login, register


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m client_demo",
        description="Play at the terminal. As a guest unless told otherwise; the same guest the next time.",
    )
    add = parser.add_argument
    add("--url", type=websocket_url, default=URL, metavar="U", help=f"the server, or its page (default {URL})")
    add("--name", metavar="NAME", help="a name to ask for as a new guest; each name is a guest of its own")
    add("--login", metavar="NAME", help="play as this account; asks for the password")
    add("--register", metavar="NAME", help="make this account and play as it; asks for a password")
    add("--new", action="store_true", help="be a new guest, and forget the one before")
    add("--guest-file", type=Path, metavar="FILE", help=f"where guests are remembered (default {default_path()})")
    add("--ascii", action="store_true", help="plain characters on the map")
    return parser.parse_args(argv)


async def sign_in(options: argparse.Namespace, guests: Guests) -> Client:
    """A client that plays as the player of the options. Raises ClientError."""
    if options.login or options.register:
        password = getpass.getpass("Password: ")
        account = login(options.login, password) if options.login else register(options.register, password)
        return await Client.connect(options.url, account)
    token = None if options.new else guests.token(options.url, options.name)
    try:
        client = await Client.connect(options.url, guest(token, options.name))
    except SignInRefused as refused:
        if token is None or refused.code != "bad_token":
            raise
        client = await Client.connect(options.url, guest(name=options.name))  # that world is gone
    if client.credentials is not None and client.credentials.token is not None:
        guests.remember(options.url, options.name, client.credentials.token)
    return client


async def play(options: argparse.Namespace) -> int:
    guests = Guests(options.guest_file or default_path())
    try:
        client = await sign_in(options, guests)
    except ClientError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        said = await PlayApp(client, PLAIN if options.ascii else PRETTY).run_async()
    finally:
        await client.close()
    if said:
        sys.stdout.write(said + "\n")
    return 0


def main(argv: list[str] | None = None) -> int:
    return asyncio.run(play(arguments(argv)))


if __name__ == "__main__":
    sys.exit(main())
