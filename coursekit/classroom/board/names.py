"""Pseudonyms: given by the board, or chosen by a learner and made fit to stand in a table."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Container

LONGEST = 24  # characters
COLOURS = "amber,azure,beige,coral,green,indigo,ivory,olive,pearl,plum,ruby,rust,sand,teal,violet,white"
BIRDS = (
    "auk,coot,crane,crow,dipper,dove,eider,finch,goose,grebe,gull,heron,ibis,jay,kite,knot,lark,linnet,merlin,owl,"
    "pipit,plover,quail,rail,raven,robin,rook,ruff,shrike,siskin,skua,snipe,stork,swan,swift,teal,tern,thrush,wren"
)


def given() -> str:
    """A pseudonym that says nothing of anybody: 624 of them.

    >>> len(given().split())
    2
    """
    return f"{secrets.choice(COLOURS.split(','))} {secrets.choice(BIRDS.split(','))}"


def fit(name: str) -> str:
    r"""A chosen name without what does not print, turns the direction of a line, or piles up; empty if nothing is left.

    >>> fit("  Ada\t\u202eL. "), fit("\x00"), len(fit("x" + 9 * "\u0301"))
    ('Ada L.', '', 3)
    """
    found = ""
    marks = 0
    for c in unicodedata.normalize("NFC", name):
        kind = unicodedata.category(c)
        if kind[0] in "CZ":  # control, format (direction), unassigned; spaces of all kinds
            c = " " if kind[0] == "Z" or c in "\t\n\r" else ""
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        found += c if marks <= 2 else ""
    return " ".join(found.split())


def free(name: str, taken: Container[str]) -> str:
    """The name, with a number after it where it is taken.

    >>> free("Ada", {"Ada", "Ada 2"})
    'Ada 3'
    """
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} {number}"
    return found
