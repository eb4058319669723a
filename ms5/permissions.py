"""One table of every way in: pages, API operations, live topics and admin models, and what each asks for.

A way in that is missing here is closed, and a test walks the routes and fails on it.
"""

from floor.roles import PUBLIC, Capability

C = Capability

# Name of the route → what it asks for; by method where methods differ.
ROUTES: dict[str, Capability | dict[str, Capability | None] | None] = {
    "login": PUBLIC,
    "logout": PUBLIC,
    "health": PUBLIC,
    "health-live": PUBLIC,
    "health-ready": PUBLIC,
    "metrics": PUBLIC,  # by address or token, see ms5/metrics.py
    "home": C.VIEW_FLOOR,
    "lines": C.VIEW_FLOOR,
    "line": C.VIEW_FLOOR,
    "line-stops": C.VIEW_FLOOR,
    "line-board": C.VIEW_FLOOR,
    "tile": C.VIEW_FLOOR,
    "plant-board": C.VIEW_FLOOR,
    "plant-tile": C.VIEW_FLOOR,
    "reports:index": C.VIEW_REPORTS,
    "reports:report": C.VIEW_REPORTS,
    "reports:pdf": C.VIEW_REPORTS,
    "reports:ask": C.GENERATE_REPORTS,
    "controllers": C.VIEW_CONTROLLERS,
    "controllers-live": C.VIEW_CONTROLLERS,
    "controller": C.VIEW_CONTROLLERS,
    "controller-live": C.VIEW_CONTROLLERS,
    "controller-test": C.VIEW_CONTROLLERS,
    "controller-browse": C.CONFIGURE,
    "evidence": C.VIEW_FLOOR,
    "code-stop": C.CODE_STOP,
    "raise-call": C.RAISE_CALL,
    "andon-board": C.VIEW_FLOOR,
    "call": C.VIEW_FLOOR,
    # Which calls a person may answer depends on the call: andon/access.py.
    "acknowledge-call": C.ANSWER_QUALITY_CALL,
    "arrive-call": C.ANSWER_QUALITY_CALL,
    "resolve-call": C.ANSWER_QUALITY_CALL,
    "cancel-call": C.RAISE_CALL,
    "api:andon-events": {"GET": C.VIEW_FLOOR, "POST": C.RAISE_CALL},
    "api:andon-active": C.VIEW_FLOOR,
    "api:andon-event": C.VIEW_FLOOR,
    "api:andon-history": C.VIEW_FLOOR,
    "api:andon-acknowledge": C.ANSWER_QUALITY_CALL,
    "api:andon-arrive": C.ANSWER_QUALITY_CALL,
    "api:andon-resolve": C.ANSWER_QUALITY_CALL,
    "api:login": PUBLIC,
    "api:refresh": PUBLIC,
    "api:logout": C.VIEW_FLOOR,
    "api:profile": C.VIEW_FLOOR,
    "api:health": PUBLIC,
    "api:schema": C.VIEW_FLOOR,
    "api:lines": C.VIEW_FLOOR,
    "api:line": C.VIEW_FLOOR,
    "api:equipment-statuses": C.VIEW_FLOOR,
    "api:equipment-status": C.VIEW_FLOOR,
    "api:equipment-faults": C.VIEW_FLOOR,
    "api:dashboard-lines": C.VIEW_FLOOR,
    "api:line-status": C.VIEW_FLOOR,
    "api:summary": C.VIEW_FLOOR,
    # A ledger in the body is arithmetic that anybody may check; a line's own window also asks for CALCULATE_OEE.
    "api:oee-calculate": C.VIEW_FLOOR,
    "api:oee-evidence": C.VIEW_FLOOR,
    "api:oee-recalculate": C.RESTATE,
    "api:oee-restatements": C.VIEW_FLOOR,
    "api:oee-line": C.VIEW_FLOOR,
    "api:oee-current": C.VIEW_FLOOR,
    "api:oee-daily-summary": C.VIEW_FLOOR,
    "api:oee-trends": C.VIEW_FLOOR,
    "api:oee-realtime": C.VIEW_FLOOR,
    "api:oee-equipment": C.VIEW_FLOOR,
    "api:oee-analysis": C.VIEW_FLOOR,
    "api:oee-reliability": C.VIEW_ANALYTICS,
    "api:oee-performance": C.VIEW_ANALYTICS,
    "api:oee-benchmarks": C.VIEW_ANALYTICS,
    "api:counts": {"GET": C.VIEW_FLOOR, "POST": C.ENTER_COUNTS},
    "api:withdraw-count": C.ENTER_COUNTS,
    "api:quarantine": {"GET": C.VIEW_FLOOR, "POST": C.DECIDE_COUNTS},
    "api:stops": {"GET": C.VIEW_FLOOR, "POST": C.CODE_STOP},
    "api:stop": {"GET": C.VIEW_FLOOR, "PUT": C.CODE_STOP},
    "api:confirm-stop": C.CONFIRM_STOP,
    # More running between two stops than a few minutes also asks for CONFIRM_STOP: oee/actions/stops.py.
    "api:split-stop": C.CODE_STOP,
    "api:merge-stops": C.CODE_STOP,
    "api:manual-stop": C.CODE_STOP,
    "api:active-stops": C.VIEW_FLOOR,
    "api:downtime-statistics": C.VIEW_FLOOR,
    "api:reasons": C.VIEW_FLOOR,
    "api:planned-stops": {"GET": C.VIEW_FLOOR, "POST": C.CODE_STOP},
    "api:end-planned-stop": C.CODE_STOP,
    "api:withdraw-planned-stop": C.CODE_STOP,
    "api:controllers": C.VIEW_FLOOR,
    "api:controller": C.VIEW_FLOOR,
    "api:test-connection": C.VIEW_CONTROLLERS,
}

# Live topic → what watching it asks for.
TOPICS: dict[str, Capability] = dict.fromkeys(
    (
        *("shift", "link", "state", "pace", "rate", "oee", "strip", "next", "uncoded", "stops", "calls", "help"),
        *("figures", "effect", "losses", "recent", "line", "plant_shift", "plant_calls", "answers"),
    ),
    C.VIEW_FLOOR,
)

# Model → (to look, to add and change, to delete). None: nobody, history is not edited.
MODELS: dict[str, tuple[Capability, Capability | None, Capability | None]] = {
    "floor.user": (C.MANAGE_USERS, C.MANAGE_USERS, None),
    "floor.site": (C.EDIT_LINES, C.CONFIGURE, C.CONFIGURE),
    "floor.line": (C.EDIT_LINES, C.EDIT_LINES, C.CONFIGURE),
    "floor.equipment": (C.EDIT_LINES, C.CONFIGURE, C.CONFIGURE),
    "floor.product": (C.EDIT_LINES, C.EDIT_LINES, C.EDIT_LINES),
    "floor.productnumber": (C.EDIT_LINES, C.EDIT_LINES, C.EDIT_LINES),
    "floor.idealcycle": (C.EDIT_LINES, C.CONFIGURE, None),
    "floor.shiftpattern": (C.PLAN_SHIFTS, C.PLAN_SHIFTS, C.PLAN_SHIFTS),
    "floor.shiftbreak": (C.PLAN_SHIFTS, C.PLAN_SHIFTS, C.PLAN_SHIFTS),
    "floor.rotation": (C.PLAN_SHIFTS, C.PLAN_SHIFTS, C.PLAN_SHIFTS),
    "floor.specialday": (C.PLAN_SHIFTS, C.PLAN_SHIFTS, C.PLAN_SHIFTS),
    "floor.faultdefinition": (C.EDIT_LINES, C.CONFIGURE, C.CONFIGURE),
    "floor.stateedge": (C.CONFIGURE, None, None),
    "floor.faultevent": (C.CONFIGURE, None, None),
    "floor.counterevent": (C.CONFIGURE, None, None),
    "floor.reconciliation": (C.CONFIGURE, None, None),
    "floor.machinestate": (C.CONFIGURE, None, None),
    "floor.heartbeat": (C.MONITOR_SYSTEM, None, None),
    "floor.auditentry": (C.MANAGE_USERS, None, None),
    "oee.stopreason": (C.EDIT_LINES, C.CONFIGURE, None),
    "oee.linepolicy": (C.EDIT_LINES, C.CONFIGURE, None),
    "oee.stopcoding": (C.EDIT_LINES, None, None),
    "oee.stop": (C.EDIT_LINES, None, None),
    "reports.report": (C.MONITOR_SYSTEM, None, None),
    "plc.controller": (C.CONFIGURE, C.CONFIGURE, C.CONFIGURE),
    "plc.tag": (C.CONFIGURE, C.CONFIGURE, C.CONFIGURE),
    "plc.binding": (C.CONFIGURE, C.CONFIGURE, C.CONFIGURE),
    "plc.link": (C.CONFIGURE, None, None),
    "andon.callkind": (C.EDIT_LINES, C.CONFIGURE, None),
    "andon.escalationrule": (C.EDIT_LINES, C.CONFIGURE, None),
    "andon.call": (C.EDIT_LINES, None, None),
    "andon.callevent": (C.EDIT_LINES, None, None),
    "andon.escalationstep": (C.EDIT_LINES, None, None),
    "andon.notification": (C.MONITOR_SYSTEM, None, None),
    "axes.accessattempt": (C.MANAGE_USERS, None, C.MANAGE_USERS),
}

ACTIONS = {"view": 0, "add": 1, "change": 1, "delete": 2}


def model_capability(permission: str) -> Capability | None:
    """What Django's permission `app.action_model` asks for; None if nobody has it."""
    app, _, code = permission.partition(".")
    action, _, model = code.partition("_")
    row = MODELS.get(f"{app}.{model}")
    if row is None or action not in ACTIONS:
        return None
    return row[ACTIONS[action]]
