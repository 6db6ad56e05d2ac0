"""The group whose members manage ladders, with exactly the rights that takes."""

from django.db import migrations

GROUP = "Compliance administrators"
# Seeing people, teams and protocols is what the search fields of the forms ask for.
RIGHTS = [
    ("governance", "workflowtemplate", "manage_ladders", "Can manage approval ladders"),
    ("accounts", "user", "view_user", "Can view user"),
    ("accounts", "team", "view_team", "Can view team"),
    ("experiments", "protocol", "view_protocol", "Can view protocol"),
]


def make_group(apps, schema_editor):
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    group, _ = groups.get_or_create(name=GROUP)
    for app, model, codename, name in RIGHTS:
        # Django makes permissions after the last migration only; it keeps those it finds.
        kind, _ = content_types.get_or_create(app_label=app, model=model)
        right, _ = permissions.get_or_create(content_type=kind, codename=codename, defaults={"name": name})
        group.permissions.add(right)


def drop_group(apps, schema_editor):
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name=GROUP).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0001_initial"),
        ("accounts", "0003_system_user"),
        ("experiments", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="workflowtemplate",
            options={
                "ordering": ["family__template_key", "-version"],
                "permissions": [("manage_ladders", "Can manage approval ladders")],
            },
        ),
        migrations.RunPython(make_group, drop_group),
    ]
