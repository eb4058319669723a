"""What the ORM cannot say: the table of readings, cut by time, and an audit log nobody can rewrite."""

from django.conf import settings
from django.db import migrations

from floor import timeseries

COLUMNS = """
    equipment_id uuid NOT NULL,
    at timestamptz NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    state smallint NOT NULL,
    counts_good boolean NOT NULL,
    speed double precision,
    product_number integer,
    made_raw bigint,
    rejected_raw bigint,
    made integer NOT NULL,
    rejected integer NOT NULL,
    duration_ms integer NOT NULL,
    fault_bits bytea,
    PRIMARY KEY (equipment_id, at)
"""

AUDIT = """
CREATE FUNCTION floor_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is append-only.';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON floor_auditentry
    FOR EACH ROW EXECUTE FUNCTION floor_audit_is_append_only();
"""


def create_readings(apps, schema_editor):
    """Here, once, the database becomes one of plain partitions or one of hypertables."""
    with schema_editor.connection.cursor() as cursor:
        way = timeseries.choose(cursor, timeseries.Branch(settings.TIMESERIES))
        timeseries.create(cursor, timeseries.READINGS, COLUMNS, way)


class Migration(migrations.Migration):
    dependencies = [("floor", "0001_initial")]
    operations = [
        migrations.RunPython(create_readings, migrations.RunPython.noop),
        migrations.RunSQL("CREATE INDEX floor_reading_at ON floor_reading USING brin (at)", "DROP TABLE floor_reading"),
        migrations.RunSQL(
            AUDIT,
            "DROP TRIGGER audit_is_append_only ON floor_auditentry; DROP FUNCTION floor_audit_is_append_only()",
        ),
    ]
