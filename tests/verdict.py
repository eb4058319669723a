"""How a group of tests ended, in lines that a stranger understands."""

PASSED, NOTHING_TO_DO = 0, 5
TAIL = 15
FAILURES = ("FAILED ", "ERROR ")


def verdict(name: str, status: int, output: str) -> str:
    """The group, how it ended in pytest's own words, and what failed; the last words of one that broke off."""
    lines = [line for line in output.splitlines() if line.strip()]
    how = {PASSED: "passed", NOTHING_TO_DO: "nothing to do"}.get(status, "FAILED")
    words = lines[-1].strip("= ") if lines else "it said nothing"
    head = f"{name:<8} {how:<13} {words}"
    if status in (PASSED, NOTHING_TO_DO):
        return head
    failed = [line for line in lines if line.startswith(FAILURES)]
    return "\n".join([head, *(f"    {line}" for line in failed or lines[-TAIL:])])
