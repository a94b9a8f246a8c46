"""Rows that change with every grant and settlement leave room on their page, so that updates stay on it (HOT)."""

from django.db import migrations

TABLES = (
    "escrow_campaign_day",
    "escrow_region_allocation",
    "escrow_scope",
    "escrow_incarnation",
    "escrow_lease",
)


class Migration(migrations.Migration):
    dependencies = [("escrow", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "; ".join(f"ALTER TABLE {table} SET (fillfactor = 60)" for table in TABLES),
            "; ".join(f"ALTER TABLE {table} RESET (fillfactor)" for table in TABLES),
        )
    ]
