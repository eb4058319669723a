"""What OEE and its factors are commonly measured against.

World class is Nakajima's 85 % of discrete manufacture; 60 % is what plants of that kind commonly report. A plant that
counts every loss starts lower: these are words for a conversation, not targets. Targets are each line's own.
"""

WORLD_CLASS = 0.85
INDUSTRY_AVERAGE = 0.60
LEVELS = ("excellent", "good", "fair", "poor")
BENCHMARKS = {
    "oee": (0.90, 0.80, 0.70, 0.60),
    "availability": (0.95, 0.90, 0.85, 0.80),
    "performance": (0.95, 0.90, 0.85, 0.80),
    "quality": (0.99, 0.95, 0.90, 0.85),
}
