"""Questions to the memory: which patterns a context resembles, and totals."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns import matching
from error_patterns.database import dialects
from error_patterns.guidance import render_guidance
from error_patterns.models import ErrorPattern, KeywordCount, PatternMatch, PatternStatistics
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


def count(session: Session) -> int:
    """Count the patterns."""
    return session.scalar(select(func.count()).select_from(ErrorPattern)) or 0


def statistics(session: Session, *, top: int = 10) -> PatternStatistics:
    """Compute the totals of the memory."""
    top = check_bound("top", top)
    totals = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(col(ErrorPattern.frequency)), 0),
            func.min(col(ErrorPattern.created_at)),
            func.max(col(ErrorPattern.last_seen)),
        ).select_from(ErrorPattern)
    ).one()
    most_frequent_first = select(ErrorPattern).order_by(
        col(ErrorPattern.frequency).desc(), col(ErrorPattern.last_seen).desc(), col(ErrorPattern.pattern_id)
    )
    return PatternStatistics(
        total_patterns=totals[0],
        total_occurrences=int(totals[1]),
        first_created=totals[2],
        last_seen=totals[3],
        most_frequent=tuple(session.scalars(most_frequent_first.limit(top))),
        top_keywords=_top_keywords(session, top),
    )


def _top_keywords(session: Session, top: int) -> tuple[KeywordCount, ...]:
    keyword = dialects.elements(col(ErrorPattern.keywords))
    patterns = func.count()
    ordered = patterns.desc(), dialects.in_code_points(session.get_bind().dialect.name, keyword)
    counted = select(keyword, patterns).select_from(ErrorPattern).group_by(keyword)
    rows = session.execute(counted.order_by(*ordered).limit(top))
    return tuple(KeywordCount(keyword, patterns) for keyword, patterns in rows)
