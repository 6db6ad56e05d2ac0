from django.contrib.auth.hashers import make_password
from django.db import migrations

SYSTEM_EMAIL = "system@biolabs.invalid"


def create_system_user(apps, schema_editor):
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    unusable = {"full_name": "BioLabs", "is_active": False, "password": make_password(None)}
    users.get_or_create(email=SYSTEM_EMAIL, defaults=unusable)


class Migration(migrations.Migration):
    """The actor of sweeps and jobs. It cannot sign in."""

    dependencies = [("accounts", "0002_account_event")]

    operations = [migrations.RunPython(create_system_user, migrations.RunPython.noop)]
