"""What is installed, what is missing, and the line that mends it: `coursekit doctor`, or `python -m coursekit.doctor`.

It needs Python alone: whatever cannot be imported or looked at is a line of its answer, never a traceback.
"""
