"""The commands, one module each and what several share: they call what is in the folders below.

What could be needed without a command line stands in the folders below, not here.
"""
