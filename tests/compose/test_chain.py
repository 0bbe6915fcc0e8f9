"""Chains: the algebra of putting steps together, and the history that they leave."""

from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st
from made_steps import BIAS, LIGHT, NIGHT, chains, names, on_disk, steps_of_plain_settings
from strategies import quick

import pipeline
from pipeline import attach_header, chain, combine, each, pipe, subtract_bias

PUBLIC = {name: getattr(pipeline, name) for name in pipeline.__all__}


@quick
@given(st.lists(steps_of_plain_settings, max_size=3))
def test_the_repr_of_a_chain_is_the_expression_that_made_it(steps):
    for joined in (chain(*steps), each(chain(*steps))):
        assert eval(repr(joined), PUBLIC) == joined


@quick
@given(chains)
def test_the_history_holds_the_steps_that_ran_and_only_those(steps):
    image = pipe(LIGHT, *steps)
    assert names(image) == [step.stage.name for step in steps]
    product = attach_header(image)
    said = [str(card) for card in product.header.to_header().get("HISTORY", [])]
    assert list(takewhile(lambda line: not line.startswith("NOTE "), said)) == [str(ran) for ran in image.history]
    for keyword, name in (("ZEROCOR", "subtract_bias"), ("DARKCOR", "subtract_dark"), ("FLATCOR", "divide")):
        assert (keyword in product.header) == (name in names(image))


def test_history_goes_through_combining_and_names_each_step_once():
    image = pipe(NIGHT, each(subtract_bias(bias=BIAS)), combine)
    assert names(image) == ["subtract_bias", "combine"]
    assert image.history[0].masters == (BIAS.lineage,)
    assert ("method", "'mean'") in image.history[1].settings


@quick
@given(chains, st.integers(0, 4), st.integers(0, 4))
def test_chain_is_associative_and_its_unit_is_the_empty_chain(steps, i, j):
    i, j = sorted((min(i, len(steps)), min(j, len(steps))))
    f, g, h = chain(*steps[:i]), chain(*steps[i:j]), chain(*steps[j:])
    assert chain(f, chain(g, h)) == chain(chain(f, g), h) == chain(*steps)
    assert chain(f, chain()) == f == chain(chain(), f)
    assert chain(f, chain(g, h))(LIGHT) == chain(chain(f, g), h)(LIGHT) == pipe(LIGHT, *steps)
    assert chain()(LIGHT) is LIGHT


@quick
@given(steps=chains, cut=st.integers(0, 4))
def test_each_of_a_chain_is_the_chain_of_each(tmp_path_factory, steps, cut):
    f, g = chain(*steps[:cut]), chain(*steps[cut:])
    for frames in (NIGHT, on_disk(NIGHT, tmp_path_factory.mktemp("night"))):
        assert each(chain(f, g))(frames) == chain(each(f), each(g))(frames)
