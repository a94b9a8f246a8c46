"""A posting is in its account's currency: the key of the account that it refers to includes the currency."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE ledger_account ADD CONSTRAINT account_in_currency UNIQUE (id, currency);
            ALTER TABLE ledger_posting ADD CONSTRAINT posting_in_accounts_currency
                FOREIGN KEY (account_id, currency) REFERENCES ledger_account (id, currency);
            """,
            """
            ALTER TABLE ledger_posting DROP CONSTRAINT posting_in_accounts_currency;
            ALTER TABLE ledger_account DROP CONSTRAINT account_in_currency;
            """,
        )
    ]
