"""A simulated street whose truth is known, filmed with Blender."""
