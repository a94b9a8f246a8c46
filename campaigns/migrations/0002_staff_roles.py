"""The platform's own roles, the row of platform switches, and the snapshot's version numbers."""

from django.db import migrations

STAFF_ROLES = ("operator", "finance", "fraud_analyst", "admin")


def create(apps, schema_editor):  # noqa: ARG001 - Django's signature
    group = apps.get_model("auth", "Group")
    for name in STAFF_ROLES:
        group.objects.get_or_create(name=name)
    apps.get_model("campaigns", "PlatformSwitch").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]

    operations = [
        migrations.RunPython(create, migrations.RunPython.noop),
        migrations.RunSQL(
            "CREATE SEQUENCE campaigns_snapshot_version",
            "DROP SEQUENCE campaigns_snapshot_version",
        ),
    ]
