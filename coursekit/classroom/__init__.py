"""Grading a class: a folder of submissions in, grades and feedback out; no learner's code runs in this process."""
