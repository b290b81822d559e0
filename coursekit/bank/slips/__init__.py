"""Known mistakes, where there are too many of them to stand beside their exercise."""
