"""JSON texts that no honest client sends: every field of every message with values of the wrong type, size or form."""

from __future__ import annotations

import json
from random import Random

from tests.fuzz import names

ENTITLED = "fair words"  # in lines that others may hear
MARK = "hostile!"  # in lines that nobody may hear
VICTIM = "Victim"  # the name of the honest player

# Each message with its fields as raw JSON. ``logout`` is left out: whole, it ends the connection.
MESSAGES: dict[str, dict[str, str]] = {
    "register": {"name": '"Ada"', "password": '"short"'},
    "login": {"name": '"Ada"', "password": '"correct horse"'},
    "guest": {"name": '"Wanderer"', "token": '"abc"'},
    "resume": {"token": '"7.abc"'},
    "describe": {"ids": "[1,2,3]"},
    "say": {"seq": "1", "text": f'"{ENTITLED}"'},
    "whisper": {"seq": "1", "to": f'"{VICTIM}"', "text": f'"{ENTITLED}"'},
    "move": {"dx": "0.5", "dy": "-0.5"},
    "pick_up": {"seq": "1", "entity": "7"},
    "use": {"seq": "1", "item": '"apple"'},
    "drop": {"seq": "1", "item": '"coin"', "quantity": "1"},
    "give": {"seq": "1", "to": "7", "item": '"apple"', "quantity": "1"},
}
PLAY = [kind for kind in MESSAGES if kind not in ("register", "login", "guest", "resume")]
# The sign-ins that could succeed, and what each has unless it was mutated so that it could: nobody has the token "abc",
# no account may have the password "short", and none has "correct horse".
SIGN_INS = {
    b'"guest"': b'"token":"abc"',
    b'"register"': b'"password":"short"',
    b'"login"': b'"password":"correct horse"',
}

NUMBERS = (
    "0", "-0", "-1", "1.0", "1.5", "1e2", "1E400", "1e999", "-1e999", "1e-400", "9007199254740991", "9007199254740992",
    "18446744073709551616", "-9223372036854775809", "4294967296", "NaN", "-NaN", "Infinity", "-Infinity", "0x10", "01",
    "+1", "1.", ".5", "1e", "--1", "9" * 400, "9" * 5000, "0." + "3" * 3000,
)  # fmt: skip
TEXTS = (
    '""', '" "', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\uZZZZ"', '"\\x41"', '"\n"', '"',
    "'a'", '"' + "a" * 65 + '"', '"' + "a" * 257 + '"', '"' + "a" * 9000 + '"', '"\\ufeff"', '"\\u202e"',
    '"../../etc/passwd"', '"\' OR 1=1 --"', '"%s%n%x"', '"{0.__class__}"', '"${jndi:x}"', '"*3\\r\\n$3\\r\\nSET"',
)  # fmt: skip
OTHERS = (
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[1]",
    '["a"]',
    '{"a":1}',
    "",
    "undefined",
    "//",
    "[1,2,",
    '{"a"',
    "[[[]]]",
)
# The seqs that no action may have: those that are no whole number from 1 to 2^53 - 1, written without a point.
NO_SEQS = tuple(number for number in NUMBERS if number not in ("4294967296", "9007199254740991")) + OTHERS + TEXTS


class Talk:
    """The messages of one connection. Until a message could sign in, every line of chat is one that nobody may hear.

    Half of those that are not playing never send a message that could sign in.
    """

    def __init__(self, random: Random, *, is_playing: bool):
        self._random = random
        self._is_playing = is_playing
        self._stays_out = not is_playing and random.random() < 0.5
        self.may_be_heard = is_playing

    def text(self) -> bytes:
        """Return the next message."""
        while could_sign_in(whole := self._draw()) and self._stays_out:
            pass
        self.may_be_heard |= could_sign_in(whole)
        return whole

    def _draw(self) -> bytes:
        return _text(self._random, is_playing=self._is_playing, may_be_heard=self.may_be_heard)


def could_sign_in(whole: bytes) -> bool:
    """Return False only for a message that the server must refuse as a sign-in."""
    return any(kind in whole and refused not in whole for kind, refused in SIGN_INS.items())


def _text(random: Random, *, is_playing: bool, may_be_heard: bool) -> bytes:
    match random.randrange(12):
        case 0:
            return _not_an_object(random)
        case 1:
            return _deep(random)
        case 2:
            return _broken(random, is_playing)
        case 3:
            return unentitled_line(random)
        case 4:
            return _with_name(random)
        case 5 if is_playing:
            return _entitled_line(random)
        case 6:
            return _object({"type": random.choice(NUMBERS + TEXTS + OTHERS + ('"fly"', '"logouT"'))}, random)
        case _:
            return _mutated(random, is_playing, may_be_heard)


def unentitled_line(random: Random) -> bytes:
    """Return a line of chat that must be refused whenever it is sent."""
    fields = {"type": '"say"', "seq": str(random.randrange(1, 10**6)), "text": f'"{MARK}"'}
    if random.random() < 0.3:
        fields |= {"type": '"whisper"', "to": f'"{VICTIM}"'}
    if random.random() < 0.5:
        fields["seq"] = random.choice(NO_SEQS)
    else:
        fields["text"] = json.dumps(names.unfit_line(random, MARK))
    return _object(fields)


def _entitled_line(random: Random) -> bytes:
    line = ENTITLED + "".join(random.choices("abc é漢😀<&>\"'\\%", k=random.randrange(20)))
    return _object({"type": '"say"', "seq": str(random.randrange(1, 10**6)), "text": json.dumps(line)})


def _with_name(random: Random) -> bytes:
    wished = json.dumps(names.name(random), ensure_ascii=random.random() < 0.5)
    kind = random.choice(("register", "guest", "login", "whisper"))
    return _object({"type": f'"{kind}"', **MESSAGES[kind], "name": wished, "to": wished, "token": "null"})


def _mutated(random: Random, is_playing: bool, may_be_heard: bool) -> bytes:
    kind = random.choice(PLAY if is_playing else list(MESSAGES))
    fields = {"type": f'"{kind}"', **MESSAGES[kind]}
    if not may_be_heard and kind in ("say", "whisper"):
        fields["text"] = f'"{MARK}"'
    name = random.choice(list(fields)[1:])
    match random.randrange(6):
        case 0:
            del fields[name]
        case 1:
            fields[f"x{random.randrange(10)}"] = random.choice(NUMBERS + TEXTS + OTHERS)
        case 2:
            return _twice(fields, name, random)
        case _:
            fields[name] = random.choice(NUMBERS + TEXTS + OTHERS)
    return _object(fields, random)


def _twice(fields: dict[str, str], name: str, random: Random) -> bytes:
    pairs = [*fields.items(), (name, random.choice(NUMBERS + OTHERS)), *fields.items()]
    return _encoded("{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}")


def _not_an_object(random: Random) -> bytes:
    return _encoded(random.choice(NUMBERS + TEXTS + OTHERS + ("\ufeff{}", "{}{}", " " * 9000, "\0", "{} ,", "{,}")))


def _deep(random: Random) -> bytes:
    depth = random.choice((10, 100, 1000, 2700))
    inner = random.choice(("[", '{"a":'))
    return _encoded(random.choice(("", '{"type":"move","dx":', '{"type":"move","x":')) + inner * depth)


def _broken(random: Random, is_playing: bool) -> bytes:
    """Return a message with one byte changed, lost or added. The text stays UTF-8."""
    kind = random.choice(("move", "use", "describe", "pick_up") if is_playing else ("move", "login"))
    whole = bytearray(_object({"type": f'"{kind}"', **MESSAGES[kind]}))
    at = random.randrange(len(whole))
    match random.randrange(3):
        case 0:
            whole[at] = random.randrange(128)
        case 1:
            del whole[at]
        case _:
            whole.insert(at, random.randrange(128))
    return bytes(whole)


def _object(fields: dict[str, str], random: Random | None = None) -> bytes:
    pairs = list(fields.items())
    if random is not None:
        random.shuffle(pairs)
    return _encoded("{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}")


def _encoded(whole: str) -> bytes:
    return whole.encode(errors="replace")  # a lone surrogate cannot be sent as UTF-8; escaped ones are
