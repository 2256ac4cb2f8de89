"""Looks at running labs: conversations, status, measurements, packets; and shows what was seen."""
