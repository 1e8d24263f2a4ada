"""Which container this is: evidence from the kernel, proof from the engine, and a verdict."""
