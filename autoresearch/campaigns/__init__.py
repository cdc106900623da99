"""Campaigns: bounded stretches of research by agents, restarted, budgeted and steered; no judge."""
