"""Equality of names."""

from __future__ import annotations

import unicodedata


def name_key(name: str) -> str:
    """Two spellings of one name have one key: NFKC makes one of all widths and compositions, casefold of all cases, and
    NFKC once more of what casefold took apart."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded)
