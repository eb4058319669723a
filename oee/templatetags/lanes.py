"""The blocks of a timeline. There may be thousands, and each would cost the template engine thirty steps."""

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

from floor.templatetags.units import clock, duration, pct
from oee.charts.timeline import Block, Lane

register = template.Library()


@register.simple_tag
def blocks(lane: Lane, id: str, is_crowded: bool) -> SafeString:
    """`id` is the chart's, which its patterns are named after."""
    tab = ' tabindex="-1"' if is_crowded else ""
    return SafeString("".join(_linked(block, escape(id), tab) for block in lane.blocks))


def _linked(block: Block, id: str, tab: str) -> str:
    drawn = _drawn(block, id)
    return f'<a href="{escape(block.href)}"{tab}>{drawn}</a>' if block.href else drawn


def _drawn(block: Block, id: str) -> str:
    fill = f' fill="url(#{id}-{block.pattern})"' if block.pattern else ""
    place = f'x="{pct(block.x)}" width="{pct(block.width)}"'
    return f'<rect class="t t-{block.kind.value}" {place}{fill}><title>{escape(_said(block))}</title></rect>'


def _said(block: Block) -> str:
    text = f"{clock(block.start)}–{clock(block.end)} {block.label}, {duration(block.length)}"
    return f"{text}; the worst of {block.drawn_together} short ones" if block.drawn_together > 1 else text
