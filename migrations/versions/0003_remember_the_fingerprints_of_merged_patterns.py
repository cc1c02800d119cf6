"""Remember the fingerprints of patterns that were merged into others.

Revision: 0003
Revises: 0002
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go from `down_revision` to this revision."""
    op.create_table(
        "error_pattern_fingerprints",
        sa.Column("fingerprint", sa.String(length=100), nullable=False),
        sa.Column("pattern_id", sa.String(length=26), nullable=False),
        sa.ForeignKeyConstraint(
            ["pattern_id"],
            ["error_patterns.pattern_id"],
            name=op.f("fk_error_pattern_fingerprints_pattern_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_error_pattern_fingerprints")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_error_pattern_fingerprints_pattern_id"), "error_pattern_fingerprints", ["pattern_id"], unique=False
    )


def downgrade() -> None:
    """Go back to `down_revision`."""
    op.drop_index(op.f("ix_error_pattern_fingerprints_pattern_id"), table_name="error_pattern_fingerprints")
    op.drop_table("error_pattern_fingerprints")
