"""Put `words` into the index by pattern, from which SQLite then reads all of a pattern's rows.

Revision: 0002
Revises: 0001
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go from `down_revision` to this revision."""
    op.drop_index(op.f("ix_error_pattern_keywords_pattern_id"), table_name="error_pattern_keywords")
    op.create_index(
        op.f("ix_error_pattern_keywords_pattern_id"), "error_pattern_keywords", ["pattern_id", "words"], unique=False
    )


def downgrade() -> None:
    """Go back to `down_revision`."""
    op.drop_index(op.f("ix_error_pattern_keywords_pattern_id"), table_name="error_pattern_keywords")
    op.create_index(
        op.f("ix_error_pattern_keywords_pattern_id"), "error_pattern_keywords", ["pattern_id"], unique=False
    )
