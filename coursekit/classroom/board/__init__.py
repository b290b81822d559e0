"""The workshop's board: what a class does, live, on the instructor's screen; learners join from their notebooks."""
