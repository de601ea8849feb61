"""scripts/docs builds the site, and a link that leads nowhere fails the build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import gameserver
from gameserver import client

ROOT = Path(__file__).parents[2]


def build(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", "scripts/site/mkdocs.yml"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=120)


def copy(folder: Path) -> Path:
    for part in ("docs", "gameserver", "scripts/site"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "README.md", folder)
    return folder


def test_the_site_has_every_page_and_every_public_name(tmp_path: Path) -> None:
    project = copy(tmp_path)
    built = build(project)
    assert built.returncode == 0, built.stdout + built.stderr
    for page in (project / "docs").rglob("*.md"):
        assert (project / "build/site" / page.relative_to(project / "docs").with_suffix(".html")).exists(), page
    assert "scripts/run" in (project / "build/site/index.html").read_text()
    operations = (project / "build/site/operations.html").read_text()
    assert 'href="tables.css"' in operations, "the names of settings break"
    assert "td:first-child > code { white-space: nowrap" in (project / "build/site/tables.css").read_text()
    reference = (project / "build/site/reference.html").read_text()
    for module, names in (("gameserver", gameserver.__all__), ("gameserver.client", client.__all__)):
        for name in names:
            assert f'id="{module}.{name}"' in reference, f"{module}.{name} is not in the reference"


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    project = copy(tmp_path)
    with (project / "docs/limits.md").open("a") as page:
        page.write("\nSee [the moon](moon.md).\n")
    built = build(project)
    assert built.returncode != 0
    assert "moon.md" in built.stderr
