"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.contrib.staticfiles import finders
from django.core.management import call_command

from andon.models import CallKind
from floor.models.people import Role
from oee.domain.ledger import Ledger
from tests.conftest import HOMES, TESTS

ROOT = Path(settings.BASE_DIR)
APPS = ("ms5", "floor", "andon", "oee", "reports", "plc")
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MODULES = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------- templates

INLINE = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "a script without a file": re.compile(r"<script(?![^>]*\bsrc=)", re.I),
    "an event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.I),
    "an address elsewhere": re.compile(r"""(?:src|href)=["'](?:https?:)?//""", re.I),
}
# The paper reports are not pages: WeasyPrint reads their style from the file itself.
PAGES = [path for path in TEMPLATES if "pdf" not in path.parts and "paper" not in path.parts]


@pytest.mark.parametrize("what", INLINE)
def test_no_template_needs_a_weaker_content_security_policy(what: str) -> None:
    found = [name_of(path) for path in PAGES if INLINE[what].search(path.read_text(encoding="utf-8"))]
    assert found == []


def static_references() -> Iterator[tuple[str, str]]:
    for path in TEMPLATES:
        for reference in re.findall(r"""{%\s*static\s+["']([^"']+)["']""", path.read_text(encoding="utf-8")):
            yield name_of(path), reference


def test_every_static_file_that_a_template_names_exists() -> None:
    assert [(where, what) for where, what in static_references() if finders.find(what) is None] == []


def test_every_static_reference_is_hashed_when_collected(tmp_path: Path, settings: LazySettings) -> None:
    """The strict storage raises on a file that names another one that does not exist."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "ms5.staticfiles.HashedStatic"}}
    settings.WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ["css", "js", "svg", "ttf"]  # takes most of the time, proves nothing

    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=["admin", "rest_framework"])

    from django.contrib.staticfiles.storage import staticfiles_storage

    for _, what in static_references():
        hashed = staticfiles_storage.url(what)
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", hashed), hashed
        assert (tmp_path / hashed.removeprefix("/static/")).exists()


# ---------------------------------------------------------------- code

CLOCKS = {"now", "today", "utcnow", "time", "monotonic"}


def calls(path: Path) -> Iterator[tuple[ast.Call, str, str]]:
    """Each call of a name on something: the call, the something, the name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, ast.unparse(node.func.value), node.func.attr


def test_the_domain_never_asks_what_time_it_is() -> None:
    domain = [path for path in MODULES if "domain" in path.parts]
    asked = [
        f"{name_of(path)}:{call.lineno}"
        for path in domain
        for call, on, name in calls(path)
        if name in CLOCKS and on in ("datetime", "date", "time", "timezone", "datetime.datetime")
    ]
    assert domain
    assert asked == []


WRITES = {"save", "create", "update", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
# Writes outside the actions, each with its reason.
EXCEPTIONS = {
    "ms5/auth_api.py": "the list of used tokens belongs to the token library",
    "ms5/tickets.py": "tickets lie among the sessions, which belong to Django",
    "ms5/plant_file": "one action in a package: a whole file in one transaction",
    "ms5/history.py": "saves the simulated plant's own file",
    "plc/simulator": "has no database; saves its own file",
}


def is_on_rows(on: str) -> bool:
    return ".objects" in on or "filter(" in on or on in ("self.model", "queryset", "rows")


def test_only_actions_write() -> None:
    """Admin, migrations and commands are drivers or tools of people who know; everything else calls an action."""
    elsewhere = [
        path
        for path in MODULES
        if not {"actions", "migrations", "commands"} & set(path.parts)
        and path.name not in ("actions.py", "admin.py", "audit.py")
        and not name_of(path).startswith(tuple(EXCEPTIONS))
    ]
    found = [
        f"{name_of(path)}:{call.lineno} {on}.{name}"
        for path in elsewhere
        for call, on, name in calls(path)
        if name in WRITES and (is_on_rows(on) or name == "save")
    ]
    assert found == []


def test_every_exception_from_that_rule_still_exists() -> None:
    assert [name for name in EXCEPTIONS if not (ROOT / name).exists()] == []


# ---------------------------------------------------------------- words

# Requirement numbers, folders of our own machines and package hosts mean nothing to a reader.
FORBIDDEN = re.compile(
    r"\b(?:SCR|ARC|ROLE|PERM|API|BUG|DEP|OPS)-\d{2}\b|(?<![\w.])/w[o]rk/|\.\./sh[a]red|pyp[i]\.org|pythonh[o]sted"
)
TEXTS = {".py", ".md", ".html", ".css", ".js", ".toml", ".yaml", ".yml", ".txt", ".svg", ".sh", ".conf", ".service", ""}


def repository_texts() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        path = ROOT / line
        if path.suffix in TEXTS and path.is_file():
            yield path


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="Only a clone knows which files are ours.")
def test_no_text_speaks_of_what_its_reader_cannot_see() -> None:
    found = [
        f"{name_of(path)}: {match.group()}"
        for path in repository_texts()
        for match in FORBIDDEN.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


@pytest.mark.django_db
def test_the_readme_names_every_role_call_and_state() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    words = [
        *(role.label for role in Role),
        *(str(kind.label) for kind in CallKind.objects.all()),
        *(state.value.replace("_", " ") for state in Ledger),
    ]
    assert [word for word in words if word.lower() not in readme] == []


# ---------------------------------------------------------------- tests


@pytest.mark.parametrize("mark", HOMES)
def test_tests_that_need_their_mark_live_in_its_folder(mark: str) -> None:
    """With `-m` and the mark, nothing else is read."""
    marked = [path for path in TESTS.rglob("*.py") if f"pytest.mark.{mark}" in path.read_text(encoding="utf-8")]
    assert marked
    assert [name_of(path) for path in marked if not path.is_relative_to(HOMES[mark])] == []
