"""One row about each setting, for --help and for the table in docs/operations.md."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from gameserver.config import ENV_PREFIX, Settings


class SettingRow(NamedTuple):
    """One setting. Texts are empty where there is nothing to tell."""

    name: str
    group: str
    description: str
    default: str
    range: str  # "1 to 60" or "json or console"
    is_switch: bool  # yes or no

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENV_PREFIX + self.name.upper()


def describe() -> list[SettingRow]:
    """All settings in the order of their declaration, groups together."""
    return [_row(name, field) for name, field in Settings.model_fields.items()]


def markdown() -> str:
    """A table for each group."""
    lines: list[str] = []
    for group, rows in groupby(describe(), key=lambda row: row.group):
        lines += [f"**{group}**", "", "| setting | default | range | meaning |", "|---|---|---|---|"]
        lines += [f"| `{row.variable}` | {_code(row.default)} | {row.range} | {row.description} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def _row(name: str, field: FieldInfo) -> SettingRow:
    extra: Any = field.json_schema_extra
    return SettingRow(
        name=name,
        group=extra["group"],
        description=field.description or "",
        default=_default(field),
        range=_range(field),
        is_switch=field.annotation is bool,
    )


def _default(field: FieldInfo) -> str:
    default = field.default
    if field.default_factory is not None or default is None or default == ():
        return ""  # the description tells
    return str(default).lower() if isinstance(default, bool) else str(default)


def _range(field: FieldInfo) -> str:
    if "Literal" in str(field.annotation):
        return " or ".join(getattr(field.annotation, "__args__", ()))
    lows = [bound.ge for bound in field.metadata if hasattr(bound, "ge")]
    highs = [bound.le for bound in field.metadata if hasattr(bound, "le")]
    return f"{lows[0]} to {highs[0]}" if lows and highs else ""


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
