"""The parts that the screens are made of. Each knows its own data and `tui.messages`, nothing else."""
