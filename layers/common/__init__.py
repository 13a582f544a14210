"""What layers share: checks, linear maps, pairs of features, self-loops, attention."""
