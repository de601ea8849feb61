"""Limits that are settings come from the settings, and limits that contradict each other are refused."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace

import pytest

from gameserver.config import Settings
from gameserver.edge.limits import EdgeLimits, limits_of

OF_SETTINGS = {
    "connections_max": 7,
    "messages_per_s": 11.0,
    "message_burst": 13,
    "message_bytes_max": 2000,
    "sign_in_timeout_s": 3.0,
    "ping_interval_s": 2.0,
    "pong_timeout_s": 9.0,
}


def test_a_limit_that_is_a_setting_has_its_name_its_value_and_no_default_of_its_own() -> None:
    names = {field.name for field in fields(EdgeLimits)}
    without_default = {field.name for field in fields(EdgeLimits) if field.default is MISSING}
    assert without_default == set(OF_SETTINGS) == names & set(Settings.model_fields)
    limits = limits_of(Settings(**OF_SETTINGS))  # type: ignore[arg-type]
    assert {name: getattr(limits, name) for name in OF_SETTINGS} == OF_SETTINGS


def test_limits_that_contradict_each_other_are_refused() -> None:
    limits = limits_of(Settings())
    with pytest.raises(ValueError, match="message_bytes_max"):
        replace(limits, message_bytes_max=100)
    with pytest.raises(ValueError, match="high_water_bytes"):
        replace(limits, high_water_bytes=1, low_water_bytes=2)
