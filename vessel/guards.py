"""The triggers that keep a test builder's stone out of an official channel, whatever the code above them believes.

A check constraint sees one row; this rule joins membership, stone, stream and channel. On SQLite, Django changes a
table by making it anew, which drops its triggers: a migration that alters one of these four tables there begins with
`remove` and ends with `install`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# (name, table, when it fires, the condition under which the change is refused, the sentence)
_STRANGE_MEMBER = """NOT EXISTS (
    SELECT 1 FROM vessel_stone stone
    JOIN vessel_stream stream ON stream.id = NEW.stream_id
    JOIN vessel_channel channel ON channel.id = stream.channel_id
    WHERE stone.id = NEW.stone_id AND stone.channel_id = channel.id AND (stone.is_trusted OR NOT channel.is_official)
)"""
_MEMBER_REFUSED = "an official channel takes trusted stones of its own pool only"
_GUARDS = (
    ("vessel_member_joins", "vessel_membership", "INSERT", _STRANGE_MEMBER, _MEMBER_REFUSED),
    ("vessel_member_changes", "vessel_membership", "UPDATE OF stone_id, stream_id", _STRANGE_MEMBER, _MEMBER_REFUSED),
    (
        "vessel_stone_changes",
        "vessel_stone",
        "UPDATE OF is_trusted, channel_id",
        "(OLD.is_trusted AND NOT NEW.is_trusted) OR OLD.channel_id <> NEW.channel_id",
        "a stone keeps its trust and its channel",
    ),
    (
        "vessel_channel_changes",
        "vessel_channel",
        "UPDATE OF is_official",
        "OLD.is_official <> NEW.is_official",
        "whether a channel is official is decided once",
    ),
    (
        "vessel_stream_changes",
        "vessel_stream",
        "UPDATE OF channel_id",
        "OLD.channel_id <> NEW.channel_id",
        "a stream keeps its channel",
    ),
)


def install(_apps: "Apps", schema_editor: "BaseDatabaseSchemaEditor") -> None:
    """Creates the triggers, on SQLite or PostgreSQL."""
    for name, table, event, refused, sentence in _GUARDS:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
                f"IF {refused} THEN RAISE EXCEPTION '{sentence}' USING ERRCODE = 'check_violation'; END IF; "
                "RETURN NEW; END $body$"
            )
            schema_editor.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
            )
        else:
            schema_editor.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN {refused} "
                f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
            )


def remove(_apps: "Apps", schema_editor: "BaseDatabaseSchemaEditor") -> None:
    """Drops the triggers."""
    for name, table, *_ in _GUARDS:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER {name} ON {table}")
            schema_editor.execute(f"DROP FUNCTION {name}()")
        else:
            schema_editor.execute(f"DROP TRIGGER {name}")
