"""Where a learner's code runs: a warm parent process forks one child per job; bytes go in, bytes come out.

The judge's side is `warm`. `parent`, `child`, `walls` and `source` run on the other side; they import nothing of
`reference`, `bank` or `judging`, so that there are no answers in their memory.
"""
