"""Code and commands in the documentation exist as they are written there."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from keras_cv_course.cli.main import make_app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "export/*.md")
    for path in ROOT.glob(pattern)
)
CODE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(r"(?:^|`)keras-cv-course ([^`\n…]+)", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def page(request):
    return request.param


def test_code_compiles_and_its_imports_exist(page):
    for block in CODE.findall(page.read_text()):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(compile(ast.Module([node], []), page.name, "exec"), {})


def test_options_of_commands_exist(page):
    app = typer.main.get_command(make_app())
    for line in COMMAND.findall(page.read_text()):
        words = shlex.split(line, comments=True)
        command = app
        while words and words[0] in getattr(command, "commands", ()):
            command = command.commands[words.pop(0)]
        assert command is not app or words[0].startswith("-"), line
        known = {"--help", *(name for p in command.params for name in p.opts + p.secondary_opts)}
        assert {word for word in words if re.match("--?[a-z]", word)} <= known, line


def test_links_lead_to_files_and_headings(page):
    for link in LINK.findall(page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page):
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
