"""What help() tells of each public name: what it takes, and an example that runs as it stands."""

import ast
import builtins
import doctest
import inspect
import pydoc
import re

import pytest

import pipeline

NAMES = [name for name in pipeline.__all__ if name != "__version__"]


def test_help_of_a_stage_shows_its_settings_with_their_defaults():
    first, *told = pydoc.render_doc(pipeline.combine, renderer=pydoc.plaintext).split("\n\n", 1)[1].splitlines()
    assert first.startswith("combine(frames: ")
    for setting, default in pipeline.combine.defaults.items():
        assert f" {setting}: " in first
        assert repr(default) in first
    assert any(":param clip:" in line for line in told)
    assert str(inspect.signature(pipeline.combine)) in first
    assert "combine(frames" in pydoc.render_doc(pipeline, renderer=pydoc.plaintext)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example_that_can_be_copied(name):
    """It shows the name, is run, and imports all that it uses."""
    examples = doctest.DocTestParser().get_examples(getattr(pipeline, name).__doc__)
    assert re.search(rf"\b{name}\b", "".join(example.source + example.want for example in examples))
    assert not any(doctest.SKIP in example.options for example in examples)
    nodes = list(ast.walk(ast.parse("".join(example.source for example in examples))))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    made |= {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
    made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler)}
    made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    assert {node.id for node in names} - made - set(dir(builtins)) == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_told_of(name):
    """By its own name, be it in a sentence; not what the first line speaks of anyway."""
    thing = getattr(pipeline, name)
    if inspect.ismodule(thing) or thing in (pipeline.Cards, pipeline.Flag, pipeline.Master, pipeline.Stage):
        return  # nobody makes these with settings
    settings = {setting.name for setting in inspect.signature(thing).parameters.values()}
    told = re.sub(r"^(>>>|\.\.\.).*", "", inspect.getdoc(thing), flags=re.MULTILINE)
    plain = {"image", "frames", "record", "path", "rows", "changes", "dark", "text", "function"}
    assert settings - plain - set(re.findall(r"\w+", told)) == set()
