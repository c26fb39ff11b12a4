"""What every run has, whatever trains: signals, selections, the table of arms."""
