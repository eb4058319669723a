"""What the OpenAPI document says about refusals, once for all operations."""

from typing import Any

REFUSAL = {
    "type": "object",
    "required": ["code", "message", "details", "timestamp", "request_id"],
    "properties": {
        "code": {"type": "string", "description": "For programs, e.g. VALIDATION_ERROR."},
        "message": {"type": "string", "description": "One sentence for people."},
        "details": {"type": "object", "additionalProperties": True},
        "timestamp": {"type": "string", "format": "date-time"},
        "request_id": {"type": "string", "description": "The id under which our log knows the request."},
    },
}


def say_how_it_refuses(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every answer that is not a success has the same body."""
    result.setdefault("components", {}).setdefault("schemas", {})["Refusal"] = REFUSAL
    refusal = {
        "description": "Refused, and why.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = refusal
    return result
