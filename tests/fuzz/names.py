"""Names and lines of text that are made to deceive, to be invisible, or to break what shows them."""

from __future__ import annotations

import re
import unicodedata
from random import Random

IGNORABLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u180e\u200b\u200c\u200d\u2060\u2064\u3164\ufe0f\ufeff\uffa0\U000e0041\U000e0100"
)
REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = "\x00\x01\x07\x08\t\n\r\x1b\x7f\x85\u2028\u2029"
COMBINING = "\u0300\u0301\u0336\u0489\u20dd\u1ab0\u0e49"
BLANKS = " \u00a0\u1680\u2003\u202f\u205f\u2800\u3000"
LOOKALIKES = {"a": "а", "c": "с", "e": "е", "o": "ο", "p": "р", "x": "х", "y": "у", "i": "і"}  # Cyrillic and Greek
ORDINARY = ("Ada", "Grace", "Wanderer", "paypal", "Zoë", "Иван", "さくら", "नमस्ते", "สวัสดี", "admin", "server")
ENDING = re.compile(r"-[2-9a-z]{5}$")  # what the server puts behind the name of a guest that is taken


def name(random: Random) -> str:
    """Return a name of one of the families."""
    stem = random.choice(ORDINARY)
    match random.randrange(9):
        case 0:
            return _strewn(random, stem, IGNORABLE)
        case 1:
            return _strewn(random, stem, REORDERING)
        case 2:
            return _strewn(random, stem, CONTROLS)
        case 3:
            return stem + "".join(random.choices(COMBINING, k=random.choice((1, 5, 24, 250))))
        case 4:
            return "".join(random.choices(BLANKS + IGNORABLE, k=random.randrange(1, 30)))
        case 5:
            return "".join(LOOKALIKES.get(letter, letter) for letter in stem)
        case 6:
            return stem + chr(random.choice((0xD800, 0xDFFF, 0xE000, 0xFFFF, 0x10FFFF, 0x1F600)))
        case 7:
            return "".join(chr(random.randrange(32, 0xD7FF)) for _ in range(random.randrange(1, 70)))
        case _:
            return unicodedata.normalize("NFD", stem) + str(random.randrange(10**6))


def unfit_line(random: Random, mark: str) -> str:
    """Return a line of chat that must be refused."""
    match random.randrange(4):
        case 0:
            return f"{mark}{random.choice(CONTROLS.replace(chr(9), '').replace(chr(10), ''))}{mark}"
        case 1:
            return f"{mark}{random.choice(REORDERING[3:])}{mark}"
        case 2:
            return (mark * 301)[: random.choice((301, 1000, 5000))]
        case _:
            return f"{mark}{chr(random.choice((0xD800, 0xDBFF, 0xDC00)))}"


def is_deceiving(shown: str) -> bool:
    """True if a name that other players see shows too little, hides something, or could be taken for another."""
    return (
        not any(character.isalnum() for character in shown)
        or any(character in IGNORABLE + REORDERING + CONTROLS for character in shown)
        or shown != unicodedata.normalize("NFKC", shown)
        or len(shown) > 24
        or len({script for script in map(_script, ENDING.sub("", shown)) if script}) > 1
    )


def _script(character: str) -> str:
    """Return which of the scripts that look alike a letter is of; empty for all others."""
    script = unicodedata.name(character, "").partition(" ")[0]
    return script if script in ("LATIN", "CYRILLIC", "GREEK") else ""


def _strewn(random: Random, stem: str, characters: str) -> str:
    at = random.randrange(len(stem) + 1)
    return stem[:at] + random.choice(characters) * random.randrange(1, 4) + stem[at:]
