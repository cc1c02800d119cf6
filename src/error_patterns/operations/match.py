"""Match a context with the stored patterns."""

from sqlalchemy.orm import Session

from error_patterns import matching
from error_patterns.guidance import render_guidance
from error_patterns.models import ErrorPattern, PatternMatch
from error_patterns.operations.crud import check_bound


def match_context(session: Session, context: str, *, limit: int | None = 10) -> list[ErrorPattern]:
    """Return the patterns that the context resembles, best first."""
    return [match.pattern for match in rank_context(session, context, limit=limit)]


def rank_context(
    session: Session, context: str, *, limit: int | None = 10, min_score: float = 0.0
) -> list[PatternMatch]:
    """Return the patterns that the context resembles, best first, with score and matched keywords."""
    if limit is not None:
        check_bound("limit", limit)
    return matching.rank(session, context, limit=limit, min_score=min_score)


def guidance_for(session: Session, context: str, *, limit: int = 5, max_characters: int = 2000) -> str:
    """Render the preventive checks for the context as Markdown for a prompt."""
    matches = rank_context(session, context, limit=limit, min_score=matching.RELEVANT_SCORE)
    return render_guidance(matches, max_characters=max_characters)
