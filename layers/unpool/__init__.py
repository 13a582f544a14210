"""Features carried back from a smaller graph or cloud to a larger one."""
