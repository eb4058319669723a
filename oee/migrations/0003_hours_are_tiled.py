"""The ledger leaves no gap: an hour may only be written with exactly the entries that fill it.

The exclusion constraint forbids overlaps and the check constraint makes the columns of an hour add up; this looks,
when a transaction ends, that the entries of each hour written in it follow each other and last as long as it says.
"""

from django.db import migrations

TILED = """
CREATE FUNCTION oee_hour_is_tiled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    hour_ms bigint;
    spent_ms bigint;
    reach_ms bigint;
BEGIN
    SELECT calendar_ms INTO hour_ms FROM oee_hourtotals WHERE id = NEW.id;
    IF NOT FOUND THEN RETURN NULL; END IF;  -- replaced later in the same transaction
    SELECT coalesce(sum(extract(epoch FROM ended_at - started_at) * 1000), 0),
           coalesce(extract(epoch FROM max(ended_at) - min(started_at)) * 1000, 0)
    INTO spent_ms, reach_ms FROM oee_ledgerentry
    WHERE equipment_id = NEW.equipment_id AND started_at >= NEW.starts_at AND started_at < NEW.ends_at;
    IF spent_ms <> hour_ms OR reach_ms <> hour_ms THEN
        RAISE EXCEPTION 'The ledger does not fill the hour from %: % ms of % ms, reaching over % ms.',
            NEW.starts_at, spent_ms, hour_ms, reach_ms USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hour_is_tiled AFTER INSERT OR UPDATE OF calendar_ms, starts_at, ends_at ON oee_hourtotals
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION oee_hour_is_tiled();
"""
UNTILED = "DROP TRIGGER hour_is_tiled ON oee_hourtotals; DROP FUNCTION oee_hour_is_tiled()"


class Migration(migrations.Migration):
    dependencies = [("oee", "0002_notes_and_losses")]
    operations = [migrations.RunSQL(TILED, UNTILED)]
