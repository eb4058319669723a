"""What loading a plant file did, in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import models

from floor.models import Line

Row = TypeVar("Row", bound=models.Model)


@dataclass(slots=True)
class Changes:
    """Sentences such as "machine BP01.PACK.BAG1: name Bagger → Bagger 1"."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restated: dict[Line, datetime] = field(default_factory=dict)

    def restate(self, line: Line, since: datetime) -> None:
        """What was judged by another standard from `since` on has to be derived again."""
        self.restated[line] = min(since, self.restated.get(line, since))

    def count(self) -> int:
        return len(self.added) + len(self.changed) + len(self.removed)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        return f"{len(self.added)} added, {len(self.changed)} changed, {len(self.removed)} removed"

    def put(self, what: str, model: type[Row], key: Mapping[str, Any], values: Mapping[str, Any]) -> Row:
        """Make the row with this key carry these values; write only what differs."""
        rows = model._default_manager.filter(**key)
        row = rows.select_for_update().first()
        if row is None:
            self.added.append(what)
            return model._default_manager.create(**key, **values)
        different = {name: value for name, value in values.items() if getattr(row, name) != value}
        if different:
            told = ", ".join(f"{name} {getattr(row, name)} → {value}" for name, value in different.items())
            self.changed.append(f"{what}: {told}")
            rows.update(**different)
            row.refresh_from_db()
        return row

    def disable(self, what: str, rows: "models.QuerySet[Any]") -> None:
        """Switch off what the file no longer names. The past still refers to it, so nothing is deleted."""
        for row in rows.filter(enabled=True).select_for_update():
            self.removed.append(f"{what} {row}")
            type(row)._default_manager.filter(pk=row.pk).update(enabled=False)
