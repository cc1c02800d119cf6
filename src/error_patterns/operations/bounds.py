"""The numbers that LIMIT and OFFSET accept."""

_MAX_BOUND = 2**63 - 1  # of both databases


def checked_bound(name: str, value: int, *, least: int = 0) -> int:
    """Return the value of an argument if databases can count to it; raise ValueError if not."""
    if not least <= value <= _MAX_BOUND:
        raise ValueError(f"{name}: must be from {least} to {_MAX_BOUND}, got {value}")
    return value
