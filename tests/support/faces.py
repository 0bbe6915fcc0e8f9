"""What the faces of the folders say, ``pipeline/<folder>/__init__.py``: the reference that the README leads to."""

import ast
import re
import textwrap
from pathlib import Path

import pipeline

FACES = {
    face.parent.name: ast.get_docstring(ast.parse(face.read_text(encoding="utf-8")))
    for face in sorted(Path(pipeline.__file__).parent.glob("*/__init__.py"))
}
"""The docstring of each folder."""


def section(folder, title):
    """Give what stands under a heading of a face."""
    _, text = FACES[folder].split(f"\n{title}\n{'-' * len(title)}\n", 1)
    return re.split(r"\n\n[^\n]+\n---+\n", text, maxsplit=1)[0]


def items(text):
    """Give the items of a list, each in one line."""
    return [" ".join(item.split()) for item in re.findall(r"^- (.*(?:\n  .*)*)", text, re.MULTILINE)]


def samples(folder):
    """Give the indented samples of a face."""
    found = re.findall(r"::\n\n((?:    .*\n|\n)+)", FACES[folder] + "\n")
    return [textwrap.dedent(sample) for sample in found]
