"""`python -m geocompile.cli`: the command line without its script."""

from geocompile.cli import main

main()
