"""What people meet: command line, progress, tables, report."""
