"""Both twins: the one in Python, and the one in C, compiled here from the source as it is. CFLAGS are heeded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from gameserver.speedups import plain

SOURCE: Final = Path(plain.__file__).with_name("in_c.c")
WARNINGS: Final = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter")


@pytest.fixture(scope="session")
def in_c(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    compiler = shutil.which("gcc") or shutil.which("cc")
    headers = Path(sysconfig.get_path("include"))
    if sys.platform != "linux" or compiler is None or not (headers / "Python.h").exists():
        pytest.skip("takes Linux, a C compiler and Python's headers")
    made = tmp_path_factory.mktemp("in_c") / "in_c.so"
    flags = [*WARNINGS, "-O3", "-fPIC", "-shared", f"-I{headers}", *os.environ.get("CFLAGS", "").split()]
    subprocess.run([compiler, *flags, str(SOURCE), "-o", str(made), "-lm"], check=True)
    spec = spec_from_loader("in_c", ExtensionFileLoader("in_c", str(made)))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", params=["plain", "in_c"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    """Either: what a test says of it is true of both."""
    found = plain if request.param == "plain" else request.getfixturevalue("in_c")
    assert isinstance(found, ModuleType)
    return found
