"""Layers beside PyG's, whole forward calls: time and memory."""
