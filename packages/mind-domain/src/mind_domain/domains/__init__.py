"""Domains that ship: one folder each."""
