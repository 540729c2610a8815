"""Google Cloud Storage: folders in buckets, each mirrored by a local copy.

The rest of the package works on local paths. A copy is downloaded at the start and uploaded at
each commit of a run, so a run directory in a bucket has the same content as a local one.
"""
