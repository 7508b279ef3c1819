"""What this machine's own settings say of its ways out, and a config to start from. Sends nothing."""
