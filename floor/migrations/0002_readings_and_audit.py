"""What the ORM cannot say: the partitioned table of readings, and an audit log nobody can rewrite."""

from django.db import migrations

READINGS = """
CREATE TABLE floor_reading (
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
) PARTITION BY RANGE (at);
CREATE INDEX floor_reading_at ON floor_reading USING brin (at);
CREATE TABLE floor_reading_strays PARTITION OF floor_reading DEFAULT;
"""

AUDIT = """
CREATE FUNCTION floor_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is append-only.';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON floor_auditentry
    FOR EACH ROW EXECUTE FUNCTION floor_audit_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("floor", "0001_initial")]
    operations = [
        migrations.RunSQL(READINGS, "DROP TABLE floor_reading"),
        migrations.RunSQL(
            AUDIT,
            "DROP TRIGGER audit_is_append_only ON floor_auditentry; DROP FUNCTION floor_audit_is_append_only()",
        ),
    ]
