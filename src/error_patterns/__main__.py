"""`python -m error_patterns` is the command `error-patterns`."""


def main() -> None:
    """Run the command line, or say what to install where its extra is missing."""
    try:
        from error_patterns import cli  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        raise SystemExit(f"error: there is no {error.name}; run: pip install 'error-patterns[cli]'") from error
    cli.main()


if __name__ == "__main__":
    main()
