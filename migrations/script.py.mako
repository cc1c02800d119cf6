"""${message}

Revision: ${up_revision}
Revises: ${down_revision | comma,n}
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
${imports if imports and "postgresql" not in imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | Sequence[str] | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    """Go from `down_revision` to this revision."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Go back to `down_revision`."""
    ${downgrades if downgrades else "pass"}
