"""The commands. Owns options, exit codes and how errors are told; a command loads only what it needs."""
