"""What a person sees who opens something: a stop, the planned stops of a line, the times nobody saw.

Sheets are made for one person, who may do this and not that; they are never pushed.
"""
