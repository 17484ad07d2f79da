"""Figures, printed as tables by `make bench`. They measure and never judge: nothing here fails for being slow."""
