"""How fast eager and the engines of a bundle are, how much memory they take, and where their time goes."""
