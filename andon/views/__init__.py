"""Calling for help and answering, with one tap each; every page works before any script has loaded."""
