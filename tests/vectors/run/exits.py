EXITS = {}
