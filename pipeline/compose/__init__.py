"""How stages are made and put together.

Open :mod:`~pipeline.compose.stage` first: what a stage and a step are; then ``chain`` (pipe, chain, each).
``running`` says how stages run, which is none of their settings; ``written`` how a step is written as Python.

Imports from ``headers`` and ``records``; knows no stage.
"""
