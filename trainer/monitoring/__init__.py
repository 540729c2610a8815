"""What a run shows: TensorBoard, image grids, curves, progress, Prometheus, profiles.

Nothing here changes what is trained.
"""
