"""What help() and the pages of the API tell of each public name."""

import inspect
import pydoc

import pipeline


def test_help_of_a_stage_shows_its_settings_with_their_defaults():
    first, *told = pydoc.render_doc(pipeline.combine, renderer=pydoc.plaintext).split("\n\n", 1)[1].splitlines()
    assert first.startswith("combine(frames: ")
    for setting, default in pipeline.combine.defaults.items():
        assert f" {setting}: " in first
        assert repr(default) in first
    assert any(":param clip:" in line for line in told)
    assert str(inspect.signature(pipeline.combine)) in first
    assert "combine(frames" in pydoc.render_doc(pipeline, renderer=pydoc.plaintext)
