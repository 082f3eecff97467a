"""Batch kernels over packed UTF-8: what is too slow as Python objects, one number loop at a time.

Nothing here is imported before a component that needs it is made: numba takes half a second.
"""
