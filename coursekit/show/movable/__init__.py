"""Figures that a person moves: Python computes a table over the sliders, the browser draws from it."""
