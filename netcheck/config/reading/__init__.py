"""How config files of any kind are read: YAML with places, values, sections, files. Knows no key of ours."""
