from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import fontpkg_inter
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStatic(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed names for every static file, ES module imports and CSS @import included.

    The rewriting works by regular expression: modules end each import with a semicolon and never
    use `export … from`, or a reference stays unhashed.
    """

    support_js_module_import_aggregation = True


class PackagedFont(FileSystemStorage):
    """The typeface's one file, out of its package and under a name that needs no escaping."""

    names = {"fonts/inter.ttf": "Inter[opsz,wght].ttf"}

    def path(self, name: str) -> str:
        return str(Path(fontpkg_inter.__file__).parent / "files" / self.names.get(name, name))


class FontFinder(BaseFinder):
    storage = PackagedFont()

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = [self.storage.path(path)] if path in PackagedFont.names else []
        return found if find_all else (found[0] if found else None)

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        for name in PackagedFont.names:
            yield name, self.storage
