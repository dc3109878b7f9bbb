# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Instruments, which transactions refer to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "instruments",
        sa.Column("isin", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
    )
    # A name of its own comes with the next transaction that gives one.
    op.execute("INSERT INTO instruments (isin, name) SELECT DISTINCT isin, isin FROM transactions")
    # A release that knows nothing of instruments could not write any more. None ran with 0001 alone; else this
    # reference would have to wait until no such release is live or can be rolled back to.
    with op.batch_alter_table("transactions") as table:
        table.create_foreign_key("fk_transactions_isin", "instruments", ["isin"], ["isin"])


def downgrade() -> None:
    with op.batch_alter_table("transactions") as table:
        table.drop_constraint("fk_transactions_isin", type_="foreignkey")
    op.drop_table("instruments")
