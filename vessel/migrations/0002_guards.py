from django.db import migrations

from vessel import guards


class Migration(migrations.Migration):
    dependencies = [("vessel", "0001_initial")]

    operations = [migrations.RunPython(guards.install, guards.remove)]
