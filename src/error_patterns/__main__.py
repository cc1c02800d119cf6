"""The entry point of `python -m error_patterns` and of the command `error-patterns`."""


def main() -> None:
    """Run the command line, or exit with the command that installs its extra, if that is missing."""
    try:
        from error_patterns import cli  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        raise SystemExit(f"error: {error.name} is not installed; run: pip install 'error-patterns[cli]'") from error
    cli.main()


if __name__ == "__main__":
    main()
