"""From HTML to PDF. WeasyPrint needs libraries of the operating system; without them everything else still works."""

import gc
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fontpkg_inter
from django.conf import settings

HINT = (
    "The PDF engine is missing. Type: apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
    " – or print the page from the browser."
)


class PdfEngineMissing(Exception):
    """WeasyPrint's system libraries are not installed; the message says what to type."""


def render(html: str, *, identity: str) -> bytes:
    """Lay out `html` as an accessible PDF. The same html and `identity` give the same bytes."""
    weasyprint = _engine()
    identifier = hashlib.sha256(identity.encode()).hexdigest()[:32].encode()
    fonts = weasyprint.text.fonts.FontConfiguration()
    # A report never fetches anything from a network.
    local = weasyprint.urls.URLFetcher(allowed_protocols=["file"])
    document = weasyprint.HTML(string=html, base_url=settings.BASE_DIR.as_uri(), url_fetcher=local)
    with _without_garbage_collection():
        pdf: bytes = document.write_pdf(
            stylesheets=_stylesheets(weasyprint, fonts, local),
            font_config=fonts,
            pdf_variant="pdf/ua-1",
            pdf_identifier=identifier,
        )
    return pdf


def is_available() -> bool:
    try:
        _engine()
    except PdfEngineMissing:
        return False
    return True


def _engine() -> Any:
    # Embedded fonts carry the time they were cut to size; without this two renders would differ in it.
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    try:
        import weasyprint
        import weasyprint.text.fonts
    except OSError as error:  # the shared libraries, not the Python package
        raise PdfEngineMissing(HINT) from error
    return weasyprint


def _stylesheets(weasyprint: Any, fonts: Any, local: Any) -> list[Any]:
    font = next(Path(fontpkg_inter.__file__).parent.glob("files/Inter[[]*.ttf"))
    face = f"@font-face {{ font-family: Inter; src: url('{font.as_uri()}') }}"
    return [
        weasyprint.CSS(string=face, url_fetcher=local, font_config=fonts),
        weasyprint.CSS(filename=str(settings.BASE_DIR / "static" / "css" / "report.css"), font_config=fonts),
    ]


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # Layout makes millions of live objects; scanning them again and again costs a quarter of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        gc.collect()
