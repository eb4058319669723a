"""Charts as shapes: values in, places in per cent of the drawing out. No framework, no queries, no clock.

Each module is one chart: what it is made of, what comes out, and the function between them. The templates of the same
name print the shapes and, from the same values, a table. Places are per cent of the plot's width or height, so that a
drawing stretches with its box while its words keep their size. None is "not known": a gap, never 0.
"""
