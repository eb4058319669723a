"""What happened to a call cannot be rewritten."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION andon_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The history of a call is append-only.';
END $$;
CREATE TRIGGER call_history_is_append_only BEFORE UPDATE OR DELETE ON andon_callevent
    FOR EACH ROW EXECUTE FUNCTION andon_history_is_append_only();
"""
BACKWARDS = """
DROP TRIGGER call_history_is_append_only ON andon_callevent;
DROP FUNCTION andon_history_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("andon", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
