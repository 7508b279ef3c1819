"""One running netcheck: `daemon` joins the rooms, `probing` measures, `announcing` logs what has changed."""
