"""Faster and smaller operations for a plain processor; elsewhere torch's own take over.

``train.cpu_kernels = false`` leaves them all to torch (``switch``).
"""
