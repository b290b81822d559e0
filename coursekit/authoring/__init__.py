"""What an author runs: notebooks are made from their sources, and every exercise is proved two-sided."""
