"""What is true of right results of random functions: the longer lists, one file for a kind of result."""
