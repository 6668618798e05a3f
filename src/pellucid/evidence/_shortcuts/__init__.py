"""Clever-Hans behaviour: what decides alone although it should not, shown by intervention."""
