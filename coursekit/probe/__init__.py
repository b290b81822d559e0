"""How a learner's function is called: cases as plain data, and what came out of each.

This package knows no answers. The same code runs in the learner's kernel and in the grader's child process, so that
practice and grading cannot disagree. Cases and outcomes are plain data: they can be sent to another process and back.
"""
