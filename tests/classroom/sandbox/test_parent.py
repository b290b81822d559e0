"""The parent's reading of a child's first frame, where timing matters."""

from __future__ import annotations

import os
import time

import pytest

from coursekit.classroom.sandbox import parent, wire


@pytest.fixture
def pipes():
    """A pipe from the child and one from the judge."""
    ends = [*os.pipe(), *os.pipe()]
    yield ends
    for fd in ends:
        os.close(fd)


def test_a_frame_that_comes_as_the_child_ends_counts(pipes, monkeypatch):
    """Between the look into the pipe and the look at the child both can change: the pipe is looked into once more."""
    read, write, jobs, _ = pipes

    def over(pid):
        wire.write_frame(write, b"late")
        return True

    monkeypatch.setattr(parent, "_is_over", over)
    assert parent._first_frame(read, jobs, time.monotonic() + 10, 0) == (b"flate", False)


def test_a_child_that_ends_without_a_frame(pipes, monkeypatch):
    read, write, jobs, _ = pipes
    monkeypatch.setattr(parent, "_is_over", lambda pid: True)
    os.write(write, b"half")
    assert parent._first_frame(read, jobs, time.monotonic() + 10, 0) == (b"", True)


def test_time_and_size_have_an_end(pipes, monkeypatch):
    read, write, jobs, _ = pipes
    monkeypatch.setattr(parent, "_is_over", lambda pid: False)
    assert parent._first_frame(read, jobs, time.monotonic() + 0.05, 0) == (b"t", False)
    os.write(write, (2**40).to_bytes(8, "big"))
    answer, _ = parent._first_frame(read, jobs, time.monotonic() + 10, 0)
    assert answer.startswith(b"cit sent 1,099,511,627,776 bytes")


def test_it_ends_when_the_judge_does(pipes):
    read, _, jobs, judge = pipes
    os.write(judge, b"x")
    with pytest.raises(SystemExit):
        parent._first_frame(read, jobs, time.monotonic() + 10, 0)
