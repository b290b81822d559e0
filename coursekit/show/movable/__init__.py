"""Figures that a person moves: Python computes a table over the sliders, the browser draws from it.

A new one is `static/<name>.js`, which ends in `const render = movable((ui) => ...)` and draws from `ui.data`; and a
module here with a function that computes the data, says them in words, draws a still picture for where nothing
can move, and returns `moving("<name>", data, words, still)`. tests/show/figures.py lists it for the common tests.
"""
