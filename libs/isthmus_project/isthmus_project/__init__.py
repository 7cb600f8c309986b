"""The project file: its model, its errors with line numbers, its secrets."""
