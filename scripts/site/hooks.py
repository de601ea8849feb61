"""Makes the site's pages of what the tree already has: the README is the first page, and a link to a source file, which
the site does not hold, becomes that file's name. mkdocs calls the two functions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
TABLES = "td:first-child > code { white-space: nowrap; word-break: normal; }\n"  # a setting's name in one piece
FENCE = re.compile(r"^(```\w+) .*$", re.MULTILINE)  # a second word tells the tests how to run the block
TO_DOCS = re.compile(r"\]\(docs/")
TO_README = re.compile(r"\]\(\.\./README\.md")
TO_SOURCE = re.compile(r"\[([^\]]+)\]\((?:\.\./)*(?:gameserver|client_demo|scripts|tests|examples|clients)\b[^)]*\)")
TO_ROOT = re.compile(r"\[([^\]]+)\]\((?:\.\./)?(?:LICENSE|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the README as the first page, and how tables are set."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "index.md", content=TO_DOCS.sub("](", readme)))
    files.append(File.generated(config, "tables.css", content=TABLES))
    return files


def on_page_markdown(markdown: str, page: Any, **_context: Any) -> str:
    """Return the page with every link leading to a page of the site."""
    markdown = FENCE.sub(r"\1", TO_README.sub("](index.md", markdown))
    return TO_ROOT.sub(r"\1", TO_SOURCE.sub(r"\1", markdown))
