from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStatic(CompressedManifestStaticFilesStorage):
    """Hashed names for every static file, ES module imports and CSS @import included.

    The rewriting works by regular expression: modules end each import with a semicolon and never
    use `export … from`, or a reference stays unhashed.
    """

    support_js_module_import_aggregation = True
