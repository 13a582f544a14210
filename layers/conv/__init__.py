"""Convolutions, one file each."""
