"""Patches before they cost anything: applied, checked, located in the code."""
