"""One readable rule beside torch's fused kernels, JAX and numba: `python -m benchmarks.speed`."""
