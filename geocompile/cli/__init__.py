"""The `geocompile` command. Importing this package imports no runtime, so that the command starts quickly."""


def main() -> None:
    """Run the command line; the entry point of the `geocompile` script."""
    from geocompile.cli.app import app

    app()
