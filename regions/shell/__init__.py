"""asyncio around the cores: carries out their effects in order, and nothing else."""
