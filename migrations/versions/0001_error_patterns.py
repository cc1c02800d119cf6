"""Error patterns, their index, and the aliases of their fingerprints.

Each database gets the CHECK constraints in its own words (`ddl_if`), which autogenerate does not write.

Revision: 0001
Revises:
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go from `down_revision` to this revision."""
    op.create_table(
        "error_patterns",
        sa.Column("pattern_id", sa.String(length=26), nullable=False),
        sa.Column("pattern", sa.String(length=10000), nullable=False),
        sa.Column("keywords", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("historical_failures", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("historical_contexts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("preventive_checks", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("frequency", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.String(length=100), nullable=True),
        sa.CheckConstraint(
            "CASE WHEN jsonb_typeof(historical_contexts) = 'array' THEN jsonb_array_length(historical_contexts) <= 20 ELSE false END",
            name=op.f("ck_error_patterns_historical_contexts"),
        ).ddl_if(dialect="postgresql"),
        sa.CheckConstraint(
            "CASE WHEN jsonb_typeof(historical_failures) = 'array' THEN jsonb_array_length(historical_failures) <= 20 ELSE false END",
            name=op.f("ck_error_patterns_historical_failures"),
        ).ddl_if(dialect="postgresql"),
        sa.CheckConstraint(
            "CASE WHEN jsonb_typeof(keywords) = 'array' THEN jsonb_array_length(keywords) <= 64 ELSE false END",
            name=op.f("ck_error_patterns_keywords"),
        ).ddl_if(dialect="postgresql"),
        sa.CheckConstraint(
            "CASE WHEN jsonb_typeof(preventive_checks) = 'array' THEN jsonb_array_length(preventive_checks) <= 64 ELSE false END",
            name=op.f("ck_error_patterns_preventive_checks"),
        ).ddl_if(dialect="postgresql"),
        sa.CheckConstraint(
            "datetime(substr(created_at, 1, 19), '+0 days') IS substr(created_at, 1, 19) AND created_at >= '0001' AND (length(created_at) = 19 OR substr(created_at, 20) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]')",
            name=op.f("ck_error_patterns_created_at"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "datetime(substr(last_seen, 1, 19), '+0 days') IS substr(last_seen, 1, 19) AND last_seen >= '0001' AND (length(last_seen) = 19 OR substr(last_seen, 20) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]')",
            name=op.f("ck_error_patterns_last_seen"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "json_valid(historical_contexts) AND json_type(historical_contexts) = 'array' AND json_array_length(historical_contexts) <= 20",
            name=op.f("ck_error_patterns_historical_contexts"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "json_valid(historical_failures) AND json_type(historical_failures) = 'array' AND json_array_length(historical_failures) <= 20",
            name=op.f("ck_error_patterns_historical_failures"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "json_valid(keywords) AND json_type(keywords) = 'array' AND json_array_length(keywords) <= 64",
            name=op.f("ck_error_patterns_keywords"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "json_valid(preventive_checks) AND json_type(preventive_checks) = 'array' AND json_array_length(preventive_checks) <= 64",
            name=op.f("ck_error_patterns_preventive_checks"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "length(pattern_id) = 26 AND pattern_id NOT GLOB '*[^0-9A-HJKMNP-TV-Z]*' AND pattern_id < '8'",
            name=op.f("ck_error_patterns_pattern_id"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint(
            "pattern_id ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$'", name=op.f("ck_error_patterns_pattern_id")
        ).ddl_if(dialect="postgresql"),
        sa.CheckConstraint(
            "typeof(frequency) = 'integer' AND frequency BETWEEN 0 AND 9007199254740991",
            name=op.f("ck_error_patterns_frequency"),
        ).ddl_if(dialect="sqlite"),
        sa.CheckConstraint("frequency BETWEEN 0 AND 9007199254740991", name=op.f("ck_error_patterns_frequency")).ddl_if(
            dialect="postgresql"
        ),
        sa.CheckConstraint("length(fingerprint) BETWEEN 1 AND 100", name=op.f("ck_error_patterns_fingerprint")),
        sa.CheckConstraint(
            "length(trim(pattern)) >= 1 AND length(pattern) <= 10000", name=op.f("ck_error_patterns_pattern")
        ),
        sa.PrimaryKeyConstraint("pattern_id", name=op.f("pk_error_patterns")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_error_patterns_fingerprint")),
    )
    op.create_index(op.f("ix_error_patterns_last_seen"), "error_patterns", ["last_seen"], unique=False)
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
    op.create_table(
        "error_pattern_phrases",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("pattern_id", sa.String(length=26), nullable=False),
        sa.Column("phrases", sa.JSON(), nullable=False),
        sa.CheckConstraint("json_typeof(phrases) = 'array'", name=op.f("ck_error_pattern_phrases_phrases")).ddl_if(
            dialect="postgresql"
        ),
        sa.CheckConstraint(
            "json_valid(phrases) AND json_type(phrases) = 'array'", name=op.f("ck_error_pattern_phrases_phrases")
        ).ddl_if(dialect="sqlite"),
        sa.ForeignKeyConstraint(
            ["pattern_id"],
            ["error_patterns.pattern_id"],
            name=op.f("fk_error_pattern_phrases_pattern_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_error_pattern_phrases")),
        sa.UniqueConstraint("pattern_id", name=op.f("uq_error_pattern_phrases_pattern_id")),
    )
    op.create_table(
        "error_pattern_postings",
        sa.Column(
            "term",
            sa.String(length=120).with_variant(sa.String(length=120, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("term", "number", "position", name=op.f("pk_error_pattern_postings")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Go back to `down_revision`."""
    op.drop_table("error_pattern_postings")
    op.drop_table("error_pattern_phrases")
    op.drop_index(op.f("ix_error_pattern_fingerprints_pattern_id"), table_name="error_pattern_fingerprints")
    op.drop_table("error_pattern_fingerprints")
    op.drop_index(op.f("ix_error_patterns_last_seen"), table_name="error_patterns")
    op.drop_table("error_patterns")
