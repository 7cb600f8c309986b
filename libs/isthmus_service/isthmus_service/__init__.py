"""What every service shares: lifecycle, configuration, logs, health, metrics, PostgreSQL."""
