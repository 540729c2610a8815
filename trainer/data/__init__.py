"""Data sets: specifications, sources, example order, pixel values, transfer to the devices.

All preprocessing of images is defined here; the networks that use them are not.
"""
