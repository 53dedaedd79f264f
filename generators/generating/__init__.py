"""Making rows: the plan, partitions, samplers, generators, the sandbox, delivery."""
