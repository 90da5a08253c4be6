"""CUDA kernels, one source (.cu) beside each wrapper: engines for the functions of ops/ where arrays live on a GPU."""
