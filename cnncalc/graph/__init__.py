"""The network as data: Graph and its Nodes, the builder that types them, the walks that several rooms need."""
