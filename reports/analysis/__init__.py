"""OEE and downtime over any days, lines, shifts and products: what is asked, what is found, how it is written down."""
