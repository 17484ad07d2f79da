"""Nothing that the hub does may hang for ever: every one of its Celery tasks has a time limit."""

from django.conf import settings

from serpent_infra.celery import app


def test_every_task_of_the_hub_is_killed_when_it_hangs() -> None:
    app.loader.import_default_modules()
    own = {name for name in app.tasks if name.partition(".")[0] in {"summit", "avalanche", "vessel"}}
    own.discard("avalanche.build")  # a builder's: its limits are those of the order
    assert own
    limits = {name: app.tasks[name].time_limit for name in own}
    importing = limits.pop("vessel.import_artefacts")
    assert set(limits.values()) == {settings.SERPENT_TASK_SECONDS}, limits
    assert importing == settings.SERPENT_IMPORT_SECONDS
