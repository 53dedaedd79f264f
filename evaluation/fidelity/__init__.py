"""How much alike: columns, pairs, associations, what a machine tells apart, relationships."""
