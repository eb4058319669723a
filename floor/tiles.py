"""What the live tiles of the floor itself show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hop:
    name: str  # controller or machine
    ok: bool
    text: str  # "online, 0.4 s" or "No answer for 40 s"


@dataclass(frozen=True, slots=True)
class LinkTile:
    hops: tuple[Hop, ...]
