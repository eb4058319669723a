from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class PlainHashedStatic(ManifestStaticFilesStorage):
    """Hashed names like production's, without the half minute of compressing."""

    support_js_module_import_aggregation = True
