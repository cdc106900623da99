"""Open a target as a lab: its folder, environment and inputs."""
