"""What is wrong with a graph, and how well it stands for its network."""
