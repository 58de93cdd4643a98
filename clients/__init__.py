"""What people and programs hold in their hands: the command line, the window, bots, replay, benchmarks."""
