"""Folders in Google Cloud Storage, each worked on as a local copy of what lies under its URL.

All else sees local paths. A copy is fetched at the start and sent where a run commits, so that
nothing but this package knows of buckets, and what lies in one is an ordinary run directory.
"""
