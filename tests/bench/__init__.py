"""Benchmarks: commands that print figures and ratios, never tests with a time limit."""
