"""What a person sees of a check in a terminal, and the texts to forward. Knows facts only."""
