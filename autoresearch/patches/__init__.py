"""Patches before they cost anything: applied, checked, fingerprinted, located in the code."""
