"""The outbox, its order of ids, and its consumers' cursors."""

import django.db.models.functions.datetime
from django.db import migrations, models

import rtbplatform.outbox.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL("CREATE SEQUENCE outbox_event_id", "DROP SEQUENCE outbox_event_id"),
        migrations.CreateModel(
            name="OutboxCursor",
            fields=[
                ("consumer", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("last_xid", models.BigIntegerField(default=0)),
                ("last_id", models.BigIntegerField(default=0)),
                ("moved_at", models.DateTimeField(auto_now=True)),
            ],
            options={"db_table": "outbox_cursor"},
        ),
        migrations.CreateModel(
            name="OutboxEvent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "advertiser_id",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "id",
                    models.BigIntegerField(
                        db_default=models.Func(models.Value("outbox_event_id"), function="nextval")
                    ),
                ),
                ("advertiser_id", models.BigIntegerField(default=0)),
                (
                    "xid",
                    rtbplatform.outbox.models.Xid8Field(
                        db_default=models.Func(function="pg_current_xact_id"), editable=False
                    ),
                ),
                ("topic", models.CharField(max_length=64)),
                ("aggregate_type", models.CharField(max_length=32)),
                ("aggregate_id", models.CharField(max_length=64)),
                ("payload", models.JSONField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "db_table": "outbox_event",
                "indexes": [models.Index(fields=["xid", "id"], name="outbox_event_position")],
            },
        ),
    ]
