"""The commands, one module each: they read their configuration and call what is below.

What could be needed without a command line stands in the folders below, not here.
"""
