"""Reference curves: held-out losses of our own runs, to lay another run beside."""
