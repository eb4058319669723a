"""A process beside the product that calls for help by the database action: a line of JSON in, a line out."""

import json
import sys
import uuid
from typing import Any

import django
from django.db import DatabaseError, connection


def main() -> None:
    django.setup()
    from andon.actions import CallRefused, raise_call
    from andon.clock import database_now
    from floor import loops
    from floor.models import Equipment, Line, User

    def call(line: str, equipment: str, kind: str, request_id: str) -> dict[str, Any]:
        machine = Equipment.objects.get(code=equipment) if equipment else None
        try:
            raised = raise_call(
                Line.objects.get(code=line),
                kind,
                by=User.objects.get(username="operator"),
                now=database_now(),
                request_id=uuid.UUID(request_id),
                equipment=machine,
            )
        except CallRefused as refusal:
            return {"refused": str(refusal)}
        return {"id": str(raised.pk)}

    loops.own_connection()
    for asked in sys.stdin:
        try:
            answer = call(**json.loads(asked))
        except DatabaseError as error:  # it may just be gone; the next call may work
            connection.close()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
