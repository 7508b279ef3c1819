"""What all say alike who tell of the facts: console, page, report and log. Must not know how they show it."""
