"""One message, followed through all four layers and across every hop, from the frames that were on the links.

dissect → match → journey → timing, tcp → document → text, page. `run` has the message sent and captured. All but `run`
are pure: they work on recorded frames, and touch nothing.
"""
