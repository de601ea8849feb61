"""One row about each setting, for --help and for the table in docs/operations.md."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from pydantic.fields import FieldInfo

from gameserver.config import Settings
from gameserver.settings_problems import default_of, extra_of, flag_of, range_of, variable_of


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
        return flag_of(self.name)

    @property
    def variable(self) -> str:
        return variable_of(self.name)


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
    return SettingRow(
        name=name,
        group=extra_of(field)["group"],
        description=field.description or "",
        default=default_of(field),
        range=range_of(field),
        is_switch=field.annotation is bool,
    )


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
