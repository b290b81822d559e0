"""The predictions of the chapters that have too many to stand beside their exercises."""
