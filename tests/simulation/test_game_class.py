"""Each mistake in the class of a game is told when the class is made, in one line: where, what, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameserver import GameError
from tests.check.wrong import import_game

GO = """
class Go(Input, tag="go"):
    x: float
"""  # lines 2 and 3 of the file; line 4 is what follows

HANDLERS = [
    (
        "async handler",
        GO + "class G(Game):\n    @handles(Go)\n    async def go(self, zone, player, message): ...",
        "wrong.py:5 G.go: is async, and the server never awaits; "
        "write def go(self, zone, player, message) without async or await",
    ),
    (
        "generator handler",
        GO + "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message):\n        yield",
        "wrong.py:5 G.go: has a yield, so a call does nothing; write def go(self, zone, player, message) without yield",
    ),
    (
        "async generator handler",
        GO + "class G(Game):\n    @handles(Go)\n    async def go(self, zone, player, message):\n        yield",
        "wrong.py:5 G.go: is async, and the server never awaits; "
        "write def go(self, zone, player, message) without async or await",
    ),
    (
        "partial of an async function",
        GO + "async def f(a, self, zone, player, message): ...\n"
        "class G(Game):\n    go = handles(Go)(functools.partial(f, 1))",
        "wrong.py:4 G.go: is async, and the server never awaits; "
        "write def go(self, zone, player, message) without async or await",
    ),
    (
        "object whose call is async",
        GO + "class C:\n    async def __call__(self, game, zone, player, message): ...\n"
        "class G(Game):\n    go = handles(Go)(C())",
        "G.go: is async, and the server never awaits; write def go(self, zone, player, message) without async or await",
    ),
    (
        "static handler",
        GO + "class G(Game):\n    @handles(Go)\n    @staticmethod\n    def go(zone, player, message): ...",
        "wrong.py:5 G.go: is a staticmethod; write def go(self, zone, player, message)",
    ),
    (
        "class method marked below",
        GO + "class G(Game):\n    @classmethod\n    @handles(Go)\n    def go(cls, zone, player, message): ...",
        "wrong.py:5 G.go: is a classmethod; write def go(self, zone, player, message)",
    ),
    (
        "parentheses forgotten",
        GO + "class G(Game):\n    @handles\n    def go(self, zone, player, message): ...",
        "wrong.py:5 G.go: has @handles without a message; write @handles(TheMessage) above the method",
    ),
    (
        "a string",
        GO + "class G(Game):\n    @handles('go')\n    def go(self, zone, player, message): ...",
        "wrong.py:5 @handles: takes the class of an Input or Action, not 'go'; write @handles(TheMessage)",
    ),
    (
        "an instance",
        GO + "class G(Game):\n    @handles(Go(1.0))\n    def go(self, zone, player, message): ...",
        "wrong.py:5 @handles: takes the class of an Input or Action, not Go(x=1.0); write @handles(TheMessage)",
    ),
    (
        "a class that is no message",
        "class S(PlayerState): ...\nclass G(Game):\n    @handles(S)\n    def go(self, zone, player, message): ...",
        "wrong.py:4 @handles: takes the class of an Input or Action, not the class S; write @handles(TheMessage)",
    ),
    (
        "Input itself",
        "class G(Game):\n    @handles(Input)\n    def go(self, zone, player, message): ...",
        "wrong.py:3 @handles: names Input itself; subclass Input, and name the subclass",
    ),
    (
        "no tag",
        "class Go(Input):\n    x: float\n"
        "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message): ...",
        'wrong.py:2 Go: has no tag, so no client can send it; write class Go(Input, tag="go")',
    ),
    (
        "no tag of its own",
        GO + "class Run(Go): ...\nclass G(Game):\n    @handles(Run)\n    def go(self, zone, player, message): ...",
        'wrong.py:4 Run: has no tag, so no client can send it; write class Run(Go, tag="run")',
    ),
    (
        "two messages of one tag",
        GO + 'class Run(Input, tag="go"): ...\nclass G(Game):\n'
        "    @handles(Go)\n    def go(self, zone, player, message): ...\n"
        "    @handles(Run)\n    def run(self, zone, player, message): ...",
        'wrong.py:4 Run: has the tag "go" of wrong.py:2 Go; give one of them another tag',
    ),
    (
        "a tag of the server's own",
        'class Talk(Action, tag="say"):\n    text: str',
        'wrong.py:2 Talk: has the tag "say", which is one of the server\'s own; use another',
    ),
    (
        "an empty tag",
        'class Talk(Action, tag=""):\n    text: str',
        "wrong.py:2 Talk: has the tag ''; use 1 to 64 printable characters, with no blank at either end",
    ),
    (
        "a number for a tag",
        "class Talk(Action, tag=7):\n    text: str",
        "wrong.py:2 Talk: has the tag 7; use 1 to 64 printable characters, with no blank at either end",
    ),
    (
        "two methods of one name",
        GO + 'class Run(Input, tag="run"): ...\nclass G(Game):\n'
        "    @handles(Go)\n    def go(self, zone, player, message): ...\n"
        "    @handles(Run)\n    def go(self, zone, player, message): ...",
        "wrong.py:8 G.go: has the name of the method in line 6; rename one of them",
    ),
    (
        "two hooks of one name",
        "class G(Game):\n    def on_tick(self, zone): ...\n    def on_tick(self, zone): ...",
        "wrong.py:4 G.on_tick: has the name of the method in line 3; rename one of them",
    ),
    (
        "two handlers of one message",
        GO + "class G(Game):\n"
        "    @handles(Go)\n    def go(self, zone, player, message): ...\n"
        "    @handles(Go)\n    def run(self, zone, player, message): ...",
        "wrong.py:7 G.run: handles Go, as go does; keep one of the two",
    ),
    (
        "one handler of two messages",
        GO + 'class Run(Input, tag="run"): ...\nclass G(Game):\n'
        "    @handles(Run)\n    @handles(Go)\n    def go(self, zone, player, message): ...",
        "wrong.py:6 G.go: handles both Go and Run; write one method for each",
    ),
    (
        "a handler's name used again for another message",
        GO + 'class Run(Input, tag="run"): ...\nclass G(Game):\n'
        "    @handles(Go)\n    def move(self, zone, player, message): ...\n"
        "class H(G):\n    @handles(Run)\n    def move(self, zone, player, message): ...",
        "wrong.py:9 H.move: handles Run and replaces the handler of Go; give it another name",
    ),
    (
        "a handler that expects another message",
        GO + 'class Run(Input, tag="run"): ...\nclass G(Game):\n'
        "    @handles(Go)\n    def run(self, zone, player, message: Run): ...",
        "wrong.py:6 G.run: handles Go and expects Run; write @handles(Run), or message: Go",
    ),
    (
        "a handler without its message",
        GO + "class G(Game):\n    @handles(Go)\n    def go(self, zone, player): ...",
        "wrong.py:5 G.go: takes (self, zone, player), not 4 arguments; write def go(self, zone, player, message)",
    ),
    (
        "a handler without self",
        GO + "class G(Game):\n    @handles(Go)\n    def go(zone, player, message): ...",
        "wrong.py:5 G.go: takes (zone, player, message), not 4 arguments; write def go(self, zone, player, message)",
    ),
    (
        "a handler with a keyword that is needed",
        GO + "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message, *, speed): ...",
        "wrong.py:5 G.go: takes (self, zone, player, message, *, speed), not 4 arguments; "
        "write def go(self, zone, player, message)",
    ),
    (
        "an overriding handler with wrong arguments",
        GO + "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message): ...\n"
        "class H(G):\n    def go(self, zone): ...",
        "wrong.py:8 H.go: takes (self, zone), not 4 arguments; write def go(self, zone, player, message)",
    ),
    (
        "an async handler of a mixin",
        GO + "class Walks:\n    @handles(Go)\n    async def go(self, zone, player, message): ...\n"
        "class G(Walks, Game): ...",
        "wrong.py:5 G.go: is async, and the server never awaits; "
        "write def go(self, zone, player, message) without async or await",
    ),
]

INVENTED = [
    (
        "a property marked below",
        GO + "class G(Game):\n    @property\n    @handles(Go)\n    def go(self, zone, player, message): ...",
        "wrong.py:5 G.go: is a property; write def go(self, zone, player, message)",
    ),
    (
        "a decorator that makes it async",
        GO + "def slow(f):\n    @functools.wraps(f)\n    async def g(*a): ...\n    return g\n"
        "class G(Game):\n    @slow\n    @handles(Go)\n    def go(self, zone, player, message): ...",
        "wrong.py:5 G.go: is async, and the server never awaits; "
        "write def go(self, zone, player, message) without async or await",
    ),
    (
        "a message that is both",
        'class Go(Input, Action, tag="go"):\n    x: float',
        "wrong.py:2 Go: is both an Input and an Action; choose one: an Action is acked",
    ),
    *[
        (
            f"a message of a {kind}",
            f'class Go(Input, tag="go"):\n    x: {kind}\n'
            "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message): ...",
            "wrong.py:3 Go.x: is of a type that JSON does not have; "
            "use int, float, bool, str, a tuple of these, a frozen struct, or Any",
        )
        for kind in ("Player", "complex", "Callable[[int], int]", "object", "tuple[Player, ...]")
    ],
    (
        "an async __post_init__",
        'class Go(Input, tag="go"):\n    x: float\n    async def __post_init__(self): ...',
        "wrong.py:4 Go.__post_init__: is async, and nothing awaits it; write def __post_init__(self)",
    ),
    (
        "a state whose __post_init__ wants something",
        "class S(PlayerState):\n    a: int = 0\n    def __post_init__(self, x): ...",
        "wrong.py:4 S.__post_init__: takes (self, x), and is given nothing; write def __post_init__(self)",
    ),
    (
        "a state whose __post_init__ raises",
        "class S(PlayerState):\n    a: int = 0\n    def __post_init__(self): 1 / 0",
        "wrong.py:2 S: cannot be made for a new player: ZeroDivisionError: division by zero; "
        "let it be made without arguments",
    ),
    (
        "a default made of another type",
        "class S(PlayerState):\n    a: tuple[int, ...] = msgspec.field(default_factory=list)",
        "wrong.py:3 S.a: cannot keep []; assign tuple[int, ...]",
    ),
    (
        "a default that is too large",
        'class S(PlayerState):\n    a: str = "x" * 70_000',
        "wrong.py:3 S.a: makes the state 70266 bytes long, of at most 65536; keep less of it, or keep it elsewhere",
    ),
    (
        "a default beyond 64 bits",
        "class S(PlayerState):\n    a: int = 2**64",
        "wrong.py:3 S.a: cannot keep 18446744073709551616; use whole numbers of at most 64 bits",
    ),
    (
        "a state with a __setattr__",
        "class S(PlayerState):\n    a: int = 0\n    def __setattr__(self, name, value): ...",
        "wrong.py:4 S.__setattr__: is how the server notices changes; remove it",
    ),
    (
        "a state with other names outside",
        'class S(PlayerState, rename={"a": "version"}):\n    a: int = 0',
        "wrong.py:2 S: has rename=: its fields are kept by their own names; remove rename=",
    ),
    (
        "a tag made from the name",
        "class Go(Input, tag=True):\n    x: float",
        "wrong.py:2 Go: has the tag True; use 1 to 64 printable characters, with no blank at either end",
    ),
    (
        "zones as a dict",
        'class G(Game):\n    zones = {"a": ZoneSpec("a")}',
        "wrong.py:3 G.zones: is {'a': ZoneSpec(name='a', width=100.0, h…, no tuple; "
        'write zones = (ZoneSpec("yard"),) with the comma',
    ),
    (
        "items without a comma",
        'class G(Game):\n    items = ("apple")',
        'wrong.py:3 G.items: is \'apple\'; write a tuple: items = ("apple", "coin")',
    ),
    (
        "capitals",
        "class G(Game):\n    TICK_HZ = 30",
        "wrong.py:3 G.TICK_HZ: is no name that the server knows; write tick_hz",
    ),
    (
        "an async hook over a plain one",
        "class A(Game):\n    def on_tick(self, zone): ...\nclass G(A):\n    async def on_tick(self, zone): ...",
        "wrong.py:5 G.on_tick: is async, and the server never awaits; "
        "write def on_tick(self, zone) without async or await",
    ),
]

MESSAGES = [
    (
        "an annotation that cannot be decoded",
        'class Go(Input, tag="go"):\n    x: int | tuple[int, ...] | list[int]\n'
        "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message): ...",
        "wrong.py:3 Go.x: cannot be read from JSON: "
        "Type unions may not contain more than one array-like (list, set, tuple) type - "
        "type `int | tuple[int, ...] | list[int]` is not supported; "
        "use int, float, bool, str, a tuple of these, or a frozen struct",
    ),
    (
        "an annotation that raises",
        'class Go(Input, tag="go"):\n    x: "1/0"\n'
        "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message): ...",
        "wrong.py:2 Go: has an annotation that fails: division by zero; correct the annotation",
    ),
    (
        "a default of another type",
        'class Go(Input, tag="go"):\n    x: float = "far"\n'
        "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message): ...",
        "wrong.py:3 Go.x: has the default 'far': Expected `float`, got `str`; give it a default of its own type",
    ),
    (
        "a field without a type",
        'class Go(Input, tag="go"):\n    x = 0.0',
        "wrong.py:3 Go.x: has no type, so it is no field; write x: float = …",
    ),
    (
        "a seq of its own",
        'class Buy(Action, tag="buy"):\n    seq: int\n    item: str',
        "wrong.py:3 Buy.seq: is the number that every action has; remove it, or rename it",
    ),
    (
        "a field called type",
        'class Buy(Action, tag="buy"):\n    type: str',
        "wrong.py:2 Buy: is no such class: `tag_field='type' conflicts with an existing field of that name; "
        "correct the class statement",
    ),
    (
        "a required field after an optional one",
        'class Go(Input, tag="go"):\n    x: float = 0.0\n    y: float',
        "wrong.py:2 Go: is no such class: Required field 'y' cannot follow optional fields. "
        "Either reorder the struct fields, or set `kw_only=True` in the struct definition.; "
        "correct the class statement",
    ),
    (
        "a message that travels as an array",
        'class Go(Input, tag="go", array_like=True):\n    x: float',
        "wrong.py:2 Go: has array_like=: messages are JSON objects; remove array_like=",
    ),
    (
        "another tag field",
        'class Go(Input, tag="go", tag_field="kind"):\n    x: float',
        'wrong.py:2 Go: has tag_field=: every message is told apart by "type"; remove tag_field=',
    ),
]

CLASSES = [
    (
        "async hook",
        "class G(Game):\n    async def on_join(self, zone, player): ...",
        "wrong.py:3 G.on_join: is async, and the server never awaits; "
        "write def on_join(self, zone, player) without async or await",
    ),
    (
        "async hook of a mixin",
        "class M:\n    async def on_tick(self, zone): ...\nclass G(M, Game): ...",
        "wrong.py:3 G.on_tick: is async, and the server never awaits; "
        "write def on_tick(self, zone) without async or await",
    ),
    (
        "generator hook",
        "class G(Game):\n    def on_tick(self, zone):\n        yield",
        "wrong.py:3 G.on_tick: has a yield, so a call does nothing; write def on_tick(self, zone) without yield",
    ),
    (
        "static hook",
        "class G(Game):\n    @staticmethod\n    def on_tick(zone): ...",
        "wrong.py:3 G.on_tick: is a staticmethod; write def on_tick(self, zone)",
    ),
    (
        "class method for a hook",
        "class G(Game):\n    @classmethod\n    def on_tick(cls, zone): ...",
        "wrong.py:3 G.on_tick: is a classmethod; write def on_tick(self, zone)",
    ),
    (
        "property for a hook",
        "class G(Game):\n    @property\n    def on_tick(self): ...",
        "wrong.py:3 G.on_tick: is a property; write def on_tick(self, zone)",
    ),
    (
        "value for a hook",
        "class G(Game):\n    on_tick = 20",
        "wrong.py:3 G.on_tick: is 20 where a method belongs; write def on_tick(self, zone)",
    ),
    (
        "hook with an argument too few",
        "class G(Game):\n    def on_tick(self): ...",
        "wrong.py:3 G.on_tick: takes (self), not 2 arguments; write def on_tick(self, zone)",
    ),
    (
        "hook with an argument too many",
        "class G(Game):\n    def on_tick(self, zone, dt): ...",
        "wrong.py:3 G.on_tick: takes (self, zone, dt), not 2 arguments; write def on_tick(self, zone)",
    ),
    (
        "leave hook without its reason",
        "class G(Game):\n    def on_leave(self, zone, player): ...",
        "wrong.py:3 G.on_leave: takes (self, zone, player), not 4 arguments; "
        "write def on_leave(self, zone, player, reason)",
    ),
    (
        "hook of another tense",
        "class G(Game):\n    def on_joined(self, zone, player): ...",
        "wrong.py:3 G.on_joined: is no name that the server knows; write on_join",
    ),
    (
        "hook in camel case",
        "class G(Game):\n    def onTick(self, zone): ...",
        "wrong.py:3 G.onTick: is no name that the server knows; write on_tick",
    ),
    (
        "singular for plural",
        'class G(Game):\n    zone = ZoneSpec("yard")',
        "wrong.py:3 G.zone: is no name that the server knows; write zones",
    ),
    (
        "hook with a doubled letter",
        "class G(Game):\n    def on_stopped(self, zone): ...",
        "wrong.py:3 G.on_stopped: is no name that the server knows; write on_stop",
    ),
    (
        "joining allowed with a bool",
        "class G(Game):\n    def may_join(self, zone, player) -> bool:\n        return True",
        "wrong.py:3 G.may_join: returns a bool; return None to let the player in, or the reason why not",
    ),
    (
        "constructor with arguments",
        "class G(Game):\n    def __init__(self, seed): ...",
        "wrong.py:3 G.__init__: takes arguments, and the server gives none; write def __init__(self)",
    ),
    (
        "handlers by hand",
        "class G(Game):\n    handlers = {}",
        "wrong.py:3 G.handlers: is collected by the server; mark methods with @handles",
    ),
    (
        "type for a value",
        "class S(PlayerState): ...\nclass G(Game):\n    state_type: S",
        "wrong.py:4 G.state_type: has a type but no value; write state_type = …",
    ),
    *[
        (
            f"tick_hz {hz}",
            f"class G(Game):\n    tick_hz = {hz}",
            f"wrong.py:3 G.tick_hz: is {hz}; write a whole number, 1 to 120",
        )
        for hz in ("0", "121", "20.0", "True", "'20'", "None", "-5")
    ],
    (
        "state_type that is no PlayerState",
        "class S: ...\nclass G(Game):\n    state_type = S",
        "wrong.py:4 G.state_type: is the class S, which is no subclass of PlayerState; "
        "name a class that is written as class Tally(PlayerState)",
    ),
    (
        "state_type that is an instance",
        "class S(PlayerState): ...\nclass G(Game):\n    state_type = S()",
        "wrong.py:4 G.state_type: is S(), which is no subclass of PlayerState; "
        "name a class that is written as class Tally(PlayerState)",
    ),
    (
        "state_type beside another type argument",
        "class S(PlayerState): ...\nclass T(PlayerState): ...\nclass G(Game[S]):\n    state_type = T",
        "wrong.py:5 G.state_type: is the class T, and the class statement names S; remove state_type = …",
    ),
    (
        "type argument that is no PlayerState",
        "class S: ...\nclass G(Game[S]): ...",
        "wrong.py:3 Game[…]: has the class S for a player's state, which is no subclass of PlayerState; "
        "name a class that is written as class Tally(PlayerState)",
    ),
    (
        "type argument that is a number",
        "class G(Game[5]): ...",
        "wrong.py:2 Game[…]: has 5 for a player's state, which is no subclass of PlayerState; "
        "name a class that is written as class Tally(PlayerState)",
    ),
    (
        "type argument that is a text",
        "class S(PlayerState): ...\nclass G(Game['S']): ...",
        "wrong.py:3 Game[…]: has 'S' for a player's state, which is no subclass of PlayerState; "
        "name a class that is written as class Tally(PlayerState)",
    ),
    (
        "type arguments in the wrong order",
        "class S(PlayerState): ...\nclass C(Scratch): ...\nclass G(Game[C, S]): ...",
        "wrong.py:4 Game[…]: has the class C for a player's state, which is no subclass of PlayerState; "
        "name a class that is written as class Tally(PlayerState)",
    ),
    (
        "a state for a player's scratch",
        "class S(PlayerState): ...\nclass G(Game[S, S]): ...",
        "wrong.py:3 Game[…]: has the class S for a player's scratch, which is no subclass of Scratch; "
        "name a class that is written as class Steering(Scratch)",
    ),
    (
        "a plain class for a zone's scratch",
        "class S(PlayerState): ...\nclass C: ...\nclass G(Game[S, Scratch, C]): ...",
        "wrong.py:4 Game[…]: has the class C for a zone's scratch, which is no subclass of Scratch; "
        "name a class that is written as class Ground(Scratch)",
    ),
    (
        "four type arguments",
        "class S(PlayerState): ...\nclass G(Game[S, Scratch, Scratch, Scratch]): ...",
        "wrong.py:3 Game[…]: has 4 types; write at most Game[State, Scratch, ZoneScratch]",
    ),
    (
        "parameters in another order",
        GO + "class G(Game):\n    @handles(Go)\n    def go(self, player, zone, message): ...",
        "wrong.py:5 G.go: has player where it is given zone; write def go(self, zone, player, message)",
    ),
    (
        "parameters of a hook in another order",
        "class G(Game):\n    def on_join(self, player, zone): ...",
        "wrong.py:3 G.on_join: has player where it is given zone; write def on_join(self, zone, player)",
    ),
    (
        "a hook that is an object to call",
        "class Tick:\n    def __call__(self, game, zone): ...\nclass G(Game):\n    on_tick = Tick()",
        "wrong.py:5 G.on_tick: is a Tick, which is called without self; write def on_tick(self, zone)",
    ),
    (
        "a hook of a base behind Game",
        "class M:\n    def on_tick(self, zone): ...\nclass G(Game, M): ...",
        "wrong.py:4 G: never calls M.on_tick, because Game comes first; write class G(M, Game)",
    ),
    (
        "a hook with players of another type",
        "class S(PlayerState): ...\nclass T(PlayerState): ...\nclass G(Game[S]):\n"
        "    def on_join(self, zone: Zone[S], player: Player[T]): ...",
        "wrong.py:5 G.on_join: takes Player[T], and the game has other types; write player: Player[S]",
    ),
    (
        "a handler with a zone of another type",
        GO + "class S(PlayerState): ...\nclass C(Scratch): ...\nclass G(Game[S, Scratch, C]):\n"
        "    @handles(Go)\n    def go(self, zone: Zone[S, C], player: Player[S], message): ...",
        "wrong.py:7 G.go: takes Zone[S, C], and the game has other types; write zone: Zone[S, Scratch, C]",
    ),
    (
        "a game without types and a hook with them",
        "class S(PlayerState): ...\nclass G(Game):\n    def on_tick(self, zone: Zone[S]): ...",
        "wrong.py:4 G.on_tick: takes Zone[S], and the game has other types; write zone: Zone",
    ),
    (
        "scratch without a default",
        "class C(Scratch):\n    dx: float",
        "wrong.py:3 C.dx: has no default; write dx: … = …, the value at the beginning",
    ),
    (
        "scratch without a type",
        "class C(Scratch):\n    dx = 0.0",
        "wrong.py:3 C.dx: has no type, so it is no field; write dx: float = …",
    ),
    (
        "scratch with any name",
        "class C(Scratch, dict=True): ...",
        "wrong.py:2 C: has dict=: only declared fields can be assigned; remove dict=",
    ),
    (
        "frozen scratch",
        "class C(Scratch, frozen=True): ...",
        "wrong.py:2 C: has frozen=: its fields are assigned; remove frozen=",
    ),
    (
        "scratch that cannot be made",
        "class C(Scratch):\n    x: int = msgspec.field(default_factory=lambda: 1 // 0)\n"
        "class G(Game[PlayerState, C]): ...",
        "wrong.py:2 C: cannot be made: ZeroDivisionError: integer division or modulo by zero; "
        "let it be made without arguments",
    ),
    (
        "kinds without a comma",
        'class G(Game):\n    kinds = ("player")',
        'wrong.py:3 G.kinds: is \'player\'; write a tuple: kinds = ("player", "stone")',
    ),
    (
        "one kind twice",
        'class G(Game):\n    kinds = ("player", "stone", "stone")',
        'wrong.py:3 G.kinds: has "stone" twice; name each kind once',
    ),
    (
        "a kind with a blank",
        'class G(Game):\n    kinds = ("player", "stone ")',
        "wrong.py:3 G.kinds: has the name 'stone '; use 1 to 64 printable characters, with no blank at either end",
    ),
    (
        "no kind of players",
        'class G(Game):\n    kinds = ("stone",)',
        "wrong.py:3 G.kinds: does not have 'player', the kind of players; "
        "add it, or set player_kind to one of the kinds",
    ),
    (
        "too many kinds",
        'class G(Game):\n    kinds = ("player", *map(str, range(256)))',
        "wrong.py:3 G.kinds: has 257 names; use at most 256",
    ),
    (
        "zones as text",
        'class G(Game):\n    zones = "a"',
        "wrong.py:3 G.zones: is 'a', no tuple; write zones = (ZoneSpec(\"yard\"),) with the comma",
    ),
    (
        "zones without a comma",
        'class G(Game):\n    zones = (ZoneSpec("a"))',
        "wrong.py:3 G.zones: is ZoneSpec(name='a', width=100.0, height=…, no tuple; "
        'write zones = (ZoneSpec("yard"),) with the comma',
    ),
    (
        "zones of text",
        'class G(Game):\n    zones = ("a", "b")',
        "wrong.py:3 G.zones: has 'a', no ZoneSpec; write ZoneSpec(\"yard\", width=50, height=50)",
    ),
    (
        "no zones",
        "class G(Game):\n    zones = ()",
        'wrong.py:3 G.zones: is empty; write at least one: zones = (ZoneSpec("yard"),)',
    ),
    (
        "two zones of one name",
        'class G(Game):\n    zones = (ZoneSpec("a"), ZoneSpec("a"))',
        'wrong.py:3 G.zones: has two zones called "a"; give each a name of its own',
    ),
]

SIDE = "write a number above 0, at most 1000000"
ZONES = [
    ("cell_size=0", "cell_size is 0", "write a number above 0: about as far as players see"),
    ("cell_size=-1.0", "cell_size is -1.0", "write a number above 0: about as far as players see"),
    (
        "cell_size=1e-320",
        "cell_size is 1e-320",
        "make it larger: that is too many cells, and at most 250000 can be had",
    ),
    ("cell_size='16'", "cell_size is '16'", "write a number above 0: about as far as players see"),
    ("width=-5", "width is -5", SIDE),
    ("width=0", "width is 0", SIDE),
    ("height=float('inf')", "height is inf", SIDE),
    ("height=float('nan')", "height is nan", SIDE),
    ("height='100'", "height is '100'", SIDE),
    ("width=True", "width is True", SIDE),
    ("width=2_000_000", "width is 2000000", SIDE),
    ("border_margin=0.5", "border_margin is 0.5", "write a fraction of a cell, at least 0 and below 0.5"),
    ("refresh_ticks=4", "refresh_ticks is 4", "write a tuple of 1 to 16 numbers of ticks: (1, 1)"),
    ("refresh_ticks=()", "refresh_ticks is ()", "write a tuple of 1 to 16 numbers of ticks: (1, 1)"),
    ("refresh_ticks=(1, 0)", "refresh_ticks is (1, 0)", "write a number of ticks, at least 1, for each distance"),
    ("refresh_ticks=(1, 1.5)", "refresh_ticks is (1, 1.5)", "write a number of ticks, at least 1, for each distance"),
    (
        "width=1000, height=1000, cell_size=1",
        "cell_size is 1",
        "make it larger: that is 1000000 cells, and at most 250000 can be had",
    ),
]


@pytest.mark.parametrize(
    ("body", "line"), [pytest.param(*row[1:], id=row[0]) for row in (*HANDLERS, *INVENTED, *MESSAGES, *CLASSES)]
)
def test_the_class_statement_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, line: str
) -> None:
    with pytest.raises(GameError) as caught:
        import_game(tmp_path, monkeypatch, body)
    assert str(caught.value) == line


@pytest.mark.parametrize(("arguments", "problem", "remedy"), ZONES, ids=[row[0] for row in ZONES])
def test_a_zone_of_no_size_is_refused_where_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, problem: str, remedy: str
) -> None:
    with pytest.raises(GameError) as caught:
        import_game(tmp_path, monkeypatch, f'class G(Game):\n    zones = (ZoneSpec("yard", {arguments}),)')
    assert str(caught.value) == f"wrong.py:3 ZoneSpec 'yard': {problem}; {remedy}"


@pytest.mark.parametrize("name", ["", " yard", "y\nard", "y" * 65, "\ud800", 5, None])
def test_a_zone_s_name_is_one_that_the_stores_can_keep(name: object) -> None:
    from gameserver import ZoneSpec

    with pytest.raises(GameError, match="use 1 to 64 printable characters"):
        ZoneSpec(name)  # type: ignore[arg-type]
