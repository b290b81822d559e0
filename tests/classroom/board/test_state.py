"""What the board makes of events: cells, bars, mistakes of the moment, who is stuck."""

from __future__ import annotations

import itertools
import random

import pytest

from coursekit.classroom.board.items import Items
from coursekit.classroom.board.state import AWAY, STUCK, State
from coursekit.classroom.board.store import Event, Learner

ITEMS = Items(("08_adam",))
ADAM = ITEMS.at["adam"]


def state(learners: int = 3) -> State:
    board = State(ITEMS)
    for i in range(1, learners + 1):
        board.join(Learner(i, f"L{i}", 0))
    return board


ids = itertools.count()


def event(learner: int, status: str, diagnosis: str | None = None, at: float = 0, exercise: str = "adam") -> Event:
    return Event(learner, f"{next(ids):032x}", at, exercise, status, diagnosis)


def statuses(board: State, *events: Event) -> list[tuple[str, int]]:
    for one in events:
        board.add(one)
    return [(c.status, c.tries) for c in board.cells.values()]


def test_tries_are_counted_until_it_passes():
    assert statuses(state(), *[event(1, s) for s in ("wrong", "error", "passed", "wrong", "passed")]) == [("passed", 3)]


def test_another_convention_stays_until_it_passes():
    board = state()
    assert statuses(board, event(1, "convention"), event(1, "wrong")) == [("convention", 2)]
    assert board.bars()[ADAM] == [ADAM, 0, 1, 0]
    assert statuses(board, event(1, "passed")) == [("passed", 3)]
    assert board.bars()[ADAM] == [ADAM, 1, 0, 0]


def test_a_mistake_stands_until_another_comes_or_it_passes():
    board = state()
    for learner in (1, 2):
        board.add(event(learner, "wrong", "m_not_corrected"))
    board.add(event(3, "wrong", "v_not_corrected"))
    assert [(m["title"], m["now"], m["ever"]) for m in board.mistakes()] == [
        ("m not corrected", 2, 2),
        ("v not corrected", 1, 1),
    ]
    board.add(event(1, "passed"))
    board.add(event(2, "wrong", "v_not_corrected"))
    assert [(m["title"], m["now"], m["ever"]) for m in board.mistakes()] == [("v not corrected", 2, 2)]
    board.add(event(2, "error"))
    assert [m["now"] for m in board.mistakes()] == [1]
    assert board.mistakes(least=2) == []


def test_stuck_is_who_has_been_at_the_same_exercise_for_long():
    board = state()
    board.add(event(1, "wrong", at=0))
    board.add(event(1, "wrong", at=STUCK))
    board.add(event(2, "wrong", at=0))
    board.add(event(2, "passed", at=10))
    board.add(event(3, "wrong", at=0))
    board.add(event(3, "passed", at=STUCK, exercise="update_moments"))  # has gone on to something else
    assert board.stuck(STUCK - 1)[ADAM] == 0
    assert board.stuck(STUCK + 1)[ADAM] == 1
    assert board.stuck(STUCK + AWAY)[ADAM] == 0


def test_exercises_that_are_not_shown_and_strangers_change_nothing():
    board = state()
    board.change()
    board.add(event(1, "passed", exercise="mse_loss"))
    board.add(event(9, "passed"))
    assert board.cells == {}
    assert board.change() is None


class Screen:
    """What one shows that heard the start and every change since, as the page does it."""

    def __init__(self, whole):
        self.names, self.cells, self.bars, self.mistakes = {}, {}, {}, []
        self.hear(whole)

    def hear(self, change):
        self.names |= dict(change["names"])
        self.cells |= {tuple(row[:2]): row for row in change["cells"]}
        self.bars |= {row[0]: row for row in change["bars"]}
        self.mistakes = change.get("mistakes", self.mistakes)
        for learner in change.get("left", ()):
            del self.names[learner]
            self.cells = {at: row for at, row in self.cells.items() if at[0] != learner}

    def shows(self, whole):
        found = (self.names, sorted(self.cells.values()), list(self.bars.values()), self.mistakes)
        return found == (dict(whole["names"]), sorted(whole["cells"]), whole["bars"], whole["mistakes"])


@pytest.mark.parametrize("seed", range(3))
def test_changes_add_up_to_the_whole(seed):
    chance, board = random.Random(seed), state(5)
    screen = Screen(board.whole())
    board.change()
    kept = []
    for i in range(300):
        status = chance.choice(("wrong", "wrong", "wrong", "passed", "error", "convention"))
        known = ("m_not_corrected", "v_not_corrected", "t_from_0") if status == "wrong" else (None,)
        name = chance.choice(ITEMS.all).name
        diagnosis = chance.choice(known) if name == "adam" else None
        kept.append(event(chance.randint(1, 5), status, diagnosis, float(i), name))
        board.add(kept[-1])
        if i == 200:
            board.leave(2)
        if (chance.random() < 0.2 or i == 299) and (change := board.change()):
            screen.hear(change)
    whole = board.whole()
    assert screen.shows(whole)
    for i, passed, convention, tried in whole["bars"]:
        own = [row[2] for row in whole["cells"] if row[1] == i]
        assert (passed, convention, tried) == (
            own.count("passed"),
            own.count("convention"),
            len(own) - passed - convention,
        )

    never = state(5)  # one who has left is as one who never came
    never.leave(2)
    for one in kept:
        never.add(one)
    assert never.whole() | {"names": []} == whole | {"names": []}
