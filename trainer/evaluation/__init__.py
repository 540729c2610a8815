"""The quality of generated images: metrics, classifiers, evaluation while training and afterwards.

A metric is one function over arrays. Results are recorded by `runs/evaluations`.
"""
