"""A page on which a run draws, edits and completes pictures.

What is drawn (`drawing`, `moving`, `editing`, `completing`) knows of no widgets, and gives the
command that makes the same; what is seen (`page`, the modules of tabs) knows of nothing else.
"""
