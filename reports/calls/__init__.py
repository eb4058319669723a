"""How calls for help were answered over any days, lines and kinds: what is asked, what is found, how it is written."""
