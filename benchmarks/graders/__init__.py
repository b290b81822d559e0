"""Graders side by side on one assignment: coursekit, otter-grader, nbgrader and plain pytest."""
