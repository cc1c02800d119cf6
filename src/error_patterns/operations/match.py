"""Match a context with the stored patterns."""

from sqlalchemy.orm import Session

from error_patterns import matching
from error_patterns.database.index_queries import StoredIndex, fetch_patterns
from error_patterns.failures import failure_text, parse_failure, read_context
from error_patterns.guidance import render_guidance
from error_patterns.matching import Context, Found
from error_patterns.matching.weights import phrase_weight
from error_patterns.models import ErrorPattern, PatternMatch
from error_patterns.operations import aliases
from error_patterns.operations.crud import check_bound

_SHORT = 1_000  # characters; to parse every long plan would take longer than to match it


def match_context(session: Session, context: str, *, limit: int | None = 10) -> list[ErrorPattern]:
    """Return the patterns that the context resembles, best first."""
    return [match.pattern for match in rank_context(session, context, limit=limit)]


def rank_context(
    session: Session, context: str, *, limit: int | None = 10, min_score: float = 0.0
) -> list[PatternMatch]:
    """Return the patterns that the context resembles, best first, with score and matched keywords."""
    if limit is not None:
        check_bound("limit", limit)
    found = matching.rank(StoredIndex(session), _read(session, context), limit=limit, min_score=min_score)
    patterns = fetch_patterns(session, [one.pattern_id for one in found])
    return [_match(patterns[one.pattern_id], one) for one in found if one.pattern_id in patterns]


def guidance_for(session: Session, context: str, *, limit: int = 5, max_characters: int = 2000) -> str:
    """Render the preventive checks for the context as Markdown for a prompt."""
    matches = rank_context(session, context, limit=limit, min_score=matching.RELEVANT_SCORE)
    return render_guidance(matches, max_characters=max_characters)


def _read(session: Session, context: str) -> Context:
    """Read a context, and look up the pattern of the failure that it shows."""
    attempt, failures = read_context(context)
    asked = failures
    if not failures and len(context) <= _SHORT:  # a failure need not say that it is one
        asked = [parse_failure(failure_text(context))]
    same = aliases.find_pattern(session, [failure.fingerprint for failure in asked]) if asked else None
    return Context(context, attempt, failures[-1].keywords if failures else (), same)


def _match(pattern: ErrorPattern, found: Found) -> PatternMatch:
    """Make a match; another transaction may have changed the keywords since they were found."""
    keywords = tuple(pattern.keywords[at] for at in found.positions if at < len(pattern.keywords))
    return PatternMatch(
        pattern=pattern,
        score=found.score,
        matched_keywords=keywords,
        evidence=found.kind,
        words={word: round(phrase_weight(word), 2) for word in found.words},
    )
