"""Count the patterns, and compute the totals of the memory."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.database import dialects
from error_patterns.models import ErrorPattern, KeywordCount, PatternStatistics
from error_patterns.operations.crud import check_bound


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
