"""The environment in which every process of a bare machine runs."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ms5.bare.folder import PROJECT, Folder


def environment(folder: Folder, given: Mapping[str, str], *, database_url: str, redis_url: str) -> dict[str, str]:
    """Return what `given` says, completed with what a start on a bare machine decides by itself."""
    decided = {
        "MS5_ENV": "development",
        "SECRET_KEY": folder.secret("SECRET_KEY"),
        "JWT_SECRET_KEY": folder.secret("JWT_SECRET_KEY"),
        "STATIC_ROOT": str(folder.static),
    }
    chosen = {name: value for name, value in decided.items() if name not in given and f"{name}_FILE" not in given}
    fixed = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "ms5.settings",
        "MS5_DATA_DIR": str(folder.path),
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", os.defpath)]),
    }
    return {**given, **chosen, **fixed, **pdf_environment(folder, given)}


def pdf_environment(folder: Folder, given: Mapping[str, str]) -> dict[str, str]:
    """Return where the private copy of the PDF libraries lies, if there is one."""
    patterns = ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*")
    libraries = [str(path) for pattern in patterns for path in sorted(folder.pdf_libraries.glob(pattern))]
    if not libraries:
        return {}
    path = os.pathsep.join([*libraries, *filter(None, [given.get("LD_LIBRARY_PATH")])])
    return {"LD_LIBRARY_PATH": path, "FONTCONFIG_FILE": str(write_font_configuration(folder))}


def write_font_configuration(folder: Folder) -> Path:
    path = folder.pdf_libraries / "fonts.conf"
    text = (
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n<fontconfig>'
        f"<dir>{folder.pdf_libraries}/usr/share/fonts</dir><dir>/usr/share/fonts</dir>"
        f"<cachedir>{folder.pdf_libraries}/cache</cachedir></fontconfig>\n"
    )
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path
