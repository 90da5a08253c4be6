"""What the command `benchmark` is made of: the works, the contenders (each a process of its own), the contest and its report."""
