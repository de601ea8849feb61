"""The terminal client: a map with you in the middle, what you hold, and what is said.

The app owns no state of the game: it shows what ``gameserver.client`` knows, fifteen times a second, and turns keys
into inputs and actions.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Footer, Input, RichLog, Static
from textual.worker import Worker

from client_demo.picture import PRETTY, Cell, Glyphs, draw, player_colour
from client_demo.walk import DIRECTIONS, KEEP_WALKING, Walk
from gameserver.client import (
    ActionRefused,
    Client,
    ClientError,
    ConnectionState,
    Entity,
    OutcomeUnknown,
)
from gameserver.protocol.messages import ChatLine, Event, Refused, Said, ServerMessage

FRAMES_PER_S = 15
NAMES_EVERY_S = 0.5
ITEMS = ("apple", "coin", "flower")
_PALETTE: dict[str, Style] = {}
_STATES = {
    ConnectionState.PLAYING: ("●", "green"),
    ConnectionState.RECONNECTING: ("◌", "yellow"),
    ConnectionState.ENDED: ("○", "red"),
}


class MapView(Widget, can_focus=True):
    """The map; it has the keyboard while nobody is typing."""

    def __init__(self, client: Client, glyphs: Glyphs) -> None:
        super().__init__(id="map")
        self._client = client
        self._glyphs = glyphs
        self._picture: list[list[Cell]] = []

    def redraw(self) -> None:
        me = self._client.me
        if me is None or not self.size.width or not self.size.height:
            return
        names = {i: name for i in self._client.world.ids() if (name := self._client.known_name(i))}
        picture = draw(self._client.world, me, names, self.size.width, self.size.height, self._glyphs)
        if picture != self._picture:
            self._picture = picture
            self.refresh()

    def render_line(self, y: int) -> Strip:
        if y >= len(self._picture):
            return Strip.blank(self.size.width)
        return Strip([Segment(character, _style(colour)) for character, colour in self._picture[y]]).simplify()

    def text(self) -> str:
        """The map without its colours."""
        return "\n".join("".join(character for character, _ in row) for row in self._picture)


class PlayApp(App[str]):
    """One session played at the terminal. Ends with why, for the shell."""

    TITLE = "gameserver"
    CSS = """
    #top { height: 1fr; }
    #map { width: 1fr; min-width: 20; background: #101a12; }
    #side { width: 26; border-left: solid #2a3a2d; padding: 0 1; }
    #inventory { height: auto; }
    #nearby { height: 1fr; margin-top: 1; }
    #status { height: 1; background: #1d2b20; padding: 0 1; }
    #chat { height: 8; border-top: solid #2a3a2d; padding: 0 1; scrollbar-size: 1 1; background: #0d120e; }
    #line { height: 1; border: none; padding: 0 1; background: #16211a; }
    #line:focus { background: #223328; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "pick_up", "pick up"),
        Binding("u", "use", "use"),
        Binding("x", "drop", "drop"),
        Binding("g", "give", "give"),
        Binding("tab", "next_item", "next item", priority=True),
        Binding("space", "stop", "stand"),
        Binding("enter", "chat", "chat"),
        Binding("q", "leave", "leave"),
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
        Binding("escape", "to_map", show=False, priority=True),
    ]

    def __init__(self, client: Client, glyphs: Glyphs = PRETTY) -> None:
        super().__init__()
        self.client = client
        self.selected = ITEMS[0]
        self.map = MapView(client, glyphs)
        self._status_line = Static(id="status")
        self._inventory_panel = Static(id="inventory")
        self._nearby_panel = Static(id="nearby")
        self._log_panel = RichLog(id="chat", wrap=True, markup=False, max_lines=200)
        self._line = Input(id="line", placeholder="Enter: say something · /w name text: whisper · arrows, WASD: walk")
        self._glyphs = glyphs
        self._walk = Walk()
        self._panels: dict[Static, Text] = {}
        self._told_direction: tuple[int, int] | None = (0, 0)

    def compose(self) -> ComposeResult:
        yield self._status_line
        with Horizontal(id="top"):
            yield self.map
            with Vertical(id="side"):
                yield self._inventory_panel
                yield self._nearby_panel
        yield self._log_panel
        yield self._line
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._log_panel.can_focus = False
        self.map.focus()
        for line in self.client.chat:
            self._show_line(line)
        self.client.on_message(self._on_server_message)
        self.client.on_state(self._on_connection)
        self.set_interval(1 / FRAMES_PER_S, self._frame)
        self.set_interval(NAMES_EVERY_S, self._ask_names)
        self._note("Arrows or WASD walk; hold shift to keep walking. The bar below has the rest.")

    # --- showing ---

    def _frame(self) -> None:
        self._tell_direction()
        self.map.redraw()
        self._show(self._status_line, self._status())
        self._show(self._inventory_panel, self._inventory())
        self._show(self._nearby_panel, self._nearby())

    def _show(self, panel: Static, text: Text) -> None:
        if self._panels.get(panel) != text:  # an update lays the screen out again
            self._panels[panel] = text
            panel.update(text)

    def _status(self) -> Text:
        client = self.client
        dot, colour = _STATES.get(client.connection, ("○", "grey"))
        name = client.welcome.name if client.welcome else ""
        text = Text.assemble((f"{dot} {client.connection}", colour), "  ", (name, f"bold {player_colour(name)}"))
        if client.connection is ConnectionState.ENDED:
            text.append(f"  {client.ended_because} · q to leave", "red")
        elif (me := client.me) is not None and client.world.zone is not None:
            text.append(f"  {client.world.zone.name} {me.x:.0f},{me.y:.0f}", "dim")
        return text

    def _inventory(self) -> Text:
        text = Text("You hold\n", "bold")
        for item in self._holdable():
            glyph, colour = self._glyphs.of.get(item, self._glyphs.other)
            mark = "▸" if item == self.selected else " "
            text.append(f"{mark} ")
            text.append(glyph, colour)
            text.append(f" {item:<10}{self.client.inventory.get(item, 0):>5}\n", "" if mark == "▸" else "dim")
        return text

    def _nearby(self) -> Text:
        text = Text("Nearby\n", "bold")
        me = self.client.me
        for other in self._others()[:8]:
            name = self.client.known_name(other.id) or "…"
            text.append(f"  {name[:15]:<15}", player_colour(name))
            text.append(f"{other.distance(me.x, me.y) if me else 0:>4.0f}\n", "dim")
        return text

    def _show_line(self, line: ChatLine) -> None:
        text = Text()
        if line.channel == "whisper":
            text.append(f"{line.sender} whispers to {line.to or 'you'}: ", f"italic {player_colour(line.sender)}")
        else:
            text.append(f"{line.sender}: ", f"bold {player_colour(line.sender)}")
        text.append(line.text)
        self._log_panel.write(text)

    def _note(self, text: str, style: str = "dim") -> None:
        """A line of the program's own among the chat."""
        self._log_panel.write(Text(text, style))

    # --- being told ---

    def _on_server_message(self, message: ServerMessage) -> None:
        match message:
            case Said():
                self._show_line(message.line)
            case Event(name="received", fields=fields):
                self._note(f"{fields.get('by')} gave you {fields.get('n')} {fields.get('item')}", "green")
            case Event():
                self._note(message.name)
            case Refused():
                self._note(message.reason or message.code, "yellow")
            case _:
                pass

    def _on_connection(self, state: ConnectionState) -> None:
        if not self.is_running:
            return
        if state is ConnectionState.RECONNECTING:
            self._note("Connection lost; trying to come back…", "yellow")
        elif state is ConnectionState.PLAYING:
            self._told_direction = None  # the server let us stand still meanwhile
            self._note("Back again.", "green")
        elif state is ConnectionState.ENDED:
            self._note(f"The session is over: {self.client.ended_because}. q to leave.", "red")

    # --- walking ---

    def on_key(self, event: events.Key) -> None:
        if not self.map.has_focus:
            return
        key = event.character if event.character in KEEP_WALKING else event.key
        if key in KEEP_WALKING:
            self._walk.press(KEEP_WALKING[key], time.monotonic(), keep=True)
        elif key in DIRECTIONS:
            self._walk.press(DIRECTIONS[key], time.monotonic())
        elif key.isdigit() and 0 < int(key) <= len(self._holdable()):
            self.selected = self._holdable()[int(key) - 1]
        else:
            return
        event.stop()
        self._tell_direction()

    def _tell_direction(self) -> None:
        direction = self._walk.direction(time.monotonic())
        if direction != self._told_direction and self.client.connection is ConnectionState.PLAYING:
            self.client.send("move", dx=float(direction[0]), dy=float(direction[1]))
            self._told_direction = direction

    def action_stop(self) -> None:
        self._walk.stop()
        self._tell_direction()

    # --- acting ---

    def action_next_item(self) -> None:
        items = self._holdable()
        place = items.index(self.selected) if self.selected in items else -1
        self.selected = items[(place + 1) % len(items)]

    def action_pick_up(self) -> None:
        me = self.client.me
        near = self.client.world.near(me.x, me.y, 10.0) if me else []
        thing = next((entity for entity in near if entity.kind in ITEMS), None)
        if thing is None:
            self._note("Nothing to pick up around here.", "yellow")
            return
        self._act(f"You pick up {_a(thing.kind)}.", "pick_up", entity=thing.id)

    def action_use(self) -> None:
        self._act(f"You use {_a(self.selected)}.", "use", item=self.selected)

    def action_drop(self) -> None:
        self._act(f"You drop {_a(self.selected)}.", "drop", item=self.selected, quantity=1)

    def action_give(self) -> None:
        others = self._others()
        if not others:
            self._note("Nobody is near.", "yellow")
            return
        name = self.client.known_name(others[0].id) or "them"
        self._act(f"You give {name} {_a(self.selected)}.", "give", to=others[0].id, item=self.selected, quantity=1)

    def _act(self, done: str, name: str, /, **fields: Any) -> None:
        # No coroutine: one that never begins, because the app ends, warns of it.
        _: Worker[None] = self.run_worker(partial(self._act_and_tell, done, name, fields), group="actions")

    async def _act_and_tell(self, done: str, name: str, fields: dict[str, Any]) -> None:
        try:
            await self.client.act(name, **fields)
        except ActionRefused as refused:
            self._note(_sentence(refused.reason or refused.code), "yellow")
        except OutcomeUnknown:
            self._note("No answer yet; it may still happen.", "yellow")
        except ClientError as error:
            self._note(str(error), "red")
        else:
            if done:
                self._note(done)

    def _holdable(self) -> list[str]:
        return [*ITEMS, *sorted(kind for kind in self.client.inventory if kind not in ITEMS)]

    def _others(self) -> list[Entity]:
        me = self.client.me
        return [e for e in self.client.world.near(me.x, me.y, 30.0, "player") if e.id != me.id] if me else []

    def _ask_names(self) -> None:
        unknown = [other.id for other in self._others() if self.client.known_name(other.id) is None]
        if unknown and self.client.connection is ConnectionState.PLAYING:
            learning = partial(self._learn_names, unknown)
            _: Worker[None] = self.run_worker(learning, group="names", exclusive=True)

    async def _learn_names(self, ids: list[int]) -> None:
        try:
            await self.client.names(ids)
        except ClientError:
            return  # the connection is gone; asked again when it is back

    # --- chatting ---

    def action_chat(self) -> None:
        self.screen.set_focus(self._line)  # at once, unlike focus(): the next key may be in the same read

    def action_to_map(self) -> None:
        self._line.clear()
        self.screen.set_focus(self.map)

    @on(Input.Submitted)
    def _say(self, submitted: Input.Submitted) -> None:
        text = submitted.value.strip()
        self.action_to_map()
        if text.startswith("/w "):
            _, _, rest = text.partition(" ")
            name, _, words = rest.strip().partition(" ")
            if words.strip():
                self._act("", "whisper", to=name, text=words.strip())
            else:
                self._note("/w name text", "yellow")
        elif text.startswith("/"):
            self._note("There is only /w name text.", "yellow")
        elif text:
            self._act("", "say", text=text)

    # --- leaving ---

    async def action_leave(self) -> None:
        self._walk.stop()
        if self.client.connection is ConnectionState.PLAYING:
            self._status_line.update("Saving…")
            try:
                await self.client.logout()
            except ClientError as error:
                self.exit(f"Left, but {error}.")
                return
            self.exit("Saved. See you again.")
        else:
            self.exit(self.client.ended_because or "Left while the connection was away.")


def _style(colour: str) -> Style:
    style = _PALETTE.get(colour)
    if style is None:
        style = _PALETTE[colour] = Style.parse(colour) if colour else Style()
    return style


def _a(kind: str) -> str:
    return f"an {kind}" if kind[:1] in "aeiou" else f"a {kind}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
